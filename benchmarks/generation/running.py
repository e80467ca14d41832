"""A server as it runs: started, asked until it gives a token, stopped while others have their turn."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.generation.load import ask, completion
from benchmarks.generation.peers import Peer, Place
from benchmarks.generation.stream import stream
from benchmarks.process import free_port, process

_PATIENCE = 400.0


@dataclass(frozen=True, slots=True)
class Running:
    """`began`: when its command was given, in seconds since the epoch; `cold`: from then to the first token."""

    peer: Peer
    port: int
    pid: int
    began: float
    cold: float

    def stop(self) -> None:
        """Let none of its processes run."""
        os.killpg(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let them run."""
        os.killpg(self.pid, signal.SIGCONT)


@contextmanager
def running(peer: Peer, environments: Path, folder: Path) -> Iterator[Running]:
    """Start `peer`; its log goes to `folder`. Raises SystemExit if it gives no token."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    command = peer.command(Place(environments, folder, port))
    log = folder / "log"
    began = time.time()
    with process(command, log) as started:
        until = time.time() + _PATIENCE
        while (problem := asyncio.run(_first(peer, port))) is not None:
            if started.poll() is not None or time.time() > until:
                raise SystemExit(f"{peer.name} gave no token: {problem}\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.02)
        server = Running(peer, port, started.pid, began, time.time() - began)
        try:
            yield server
        finally:
            with suppress(ProcessLookupError):
                server.go_on()  # what is stopped cannot end


async def _first(peer: Peer, port: int) -> str | None:
    """Ask for one token; what is wrong, None if it came."""
    answer = stream(await ask(port, 0, completion(peer.model, "Hello", 1), []))
    return answer.problem or (None if answer.moments else "no answer")


@contextmanager
def alone(lock: Path | None) -> Iterator[None]:
    """Hold the lock, if there is one."""
    if lock is None:
        yield
        return
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
