"""The process's connection to a Ray cluster: there is one, which all models share, until the process ends."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import ray
from jackfield.errors import LoadError

from jackfield_ray.options import RayOptions

_connecting = threading.Lock()  # Ray connects once at a time, and may take longer than somebody waits for it
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


def connect(
    options: RayOptions, post: Callable[[Callable[[], None]], None], on_abandon: Callable[[Callable[[], None]], None]
) -> None:
    """Connect, unless the process is connected. `post` runs a call on the event loop; `on_abandon` is given what has
    this end. Blocks; raises LoadError."""
    outcome: list[BaseException | None] = []
    done = threading.Event()

    def run() -> None:
        started = False
        try:
            with _connecting:
                started = _connect(options)
            outcome.append(None)
        except BaseException as error:  # Ray raises many things, SystemExit too
            outcome.append(error)
        done.set()
        if started:
            threading.Event().wait()  # what Ray has started ends with the thread that started it

    threading.Thread(target=run, name="jackfield-ray-connect", daemon=True).start()
    on_abandon(done.set)
    if not done.wait(options.connect_timeout_s) or not outcome:
        raise LoadError(f"no connection to the Ray cluster '{options.address}' within {options.connect_timeout_s:g} s")
    error = outcome[0]
    if isinstance(error, LoadError):
        raise error
    if error is not None:
        raise LoadError(f"no connection to the Ray cluster '{options.address}': {plain(error)}") from error
    post(_keep_signals)


def alive(node: str) -> bool:
    """Whether the cluster holds that `node` runs; True where nobody can say."""
    try:
        return any(one["NodeID"] == node and one["Alive"] for one in ray.nodes())
    except Exception:  # the connection may be gone as well
        return True


def free() -> str:
    """What the nodes have left, as people read it."""
    try:
        left = ray.available_resources()
    except Exception:  # the connection may be gone as well
        return "unknown"
    shown = {name: left[name] for name in sorted(left) if not name.startswith(("node:", "memory", "object_store"))}
    return ", ".join(f"{name} {amount:g}" for name, amount in shown.items()) or "nothing"


def plain(error: BaseException) -> str:
    """What Ray's error says, in one line: its sentence, or what was raised on the other side."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1].partition(" Some common causes")[0]


def _connect(options: RayOptions) -> bool:
    """Whether a cluster was started for it."""
    host, _, port = options.address.rpartition(":")
    if ray.is_initialized():
        there = ray.get_runtime_context().gcs_address
        if host and there != options.address and not (host in _LOCAL and there.endswith(f":{port}")):
            raise LoadError(
                f"a process has one Ray cluster: this one is in '{there}', and cannot be in '{options.address}'"
            )
        return False
    if host:
        try:
            socket.create_connection((host.strip("[]"), int(port)), options.connect_timeout_s).close()
        except (OSError, OverflowError) as error:
            raise LoadError(f"no head of a Ray cluster answers at '{options.address}': {error}") from error
    more: dict[str, Any] = {}
    if options.address == "local":
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a server calls nobody of its own accord
        more["include_dashboard"] = False
    ray.init(options.address, log_to_driver=False, logging_level=logging.ERROR, **more)
    return options.address == "local"


def _keep_signals() -> None:
    """Ray puts handlers of its own under Python's, and the server drains by Python's."""
    with contextlib.suppress(ValueError):  # the event loop is not in the main thread, and signals are others' business
        for one in _SIGNALS:
            handler = signal.getsignal(one)
            if handler is not None:
                signal.signal(one, handler)
                signal.siginterrupt(one, False)
