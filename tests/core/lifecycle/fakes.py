"""A loader and a backend that take anything and run whatever executor a test gives them, and how tests wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec

from jackfield.interfaces import Artifact, Backend, Executor, Loader, Plug
from jackfield.lifecycle.observers import Observers
from jackfield.plugins.registry import Registry
from jackfield.testing import ScriptedExecutor, registry_of
from jackfield.types import Device
from jackfield_plugins import batching, placement, routing, scheduling

P = ParamSpec("P")
NOBODY = Observers([])
PATIENCE = 60.0
"""Seconds after which a test that waits for a thread gives up: it is broken then, not slow."""


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test that is a coroutine, as a function that pytest can run."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def until(true: Callable[[], object]) -> None:
    """Let the event loop run until something is true."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110  (what is waited for has no event)
            await asyncio.sleep(0.001)


async def entered(executor: ScriptedExecutor) -> None:
    """Wait until a run has begun."""
    assert await asyncio.to_thread(executor.entered.acquire, timeout=PATIENCE)


def plugged(
    make: Callable[[], Executor] = ScriptedExecutor,
    declared: bool = True,
    opened: list[Device] | None = None,
    **sockets: Mapping[str, type[Plug]],
) -> Registry:
    """The default policies, schedulers, routers and placement; and a loader and backend that run what `make` makes. The
    devices that it is to run on are put into `opened`."""

    class FakeLoader(Loader):
        @classmethod
        def detects(cls, source: str) -> bool:
            return source.startswith("fake:")

        def load(self, source: str) -> Artifact:
            return Artifact("fake", source, None, None, declared)

    class FakeBackend(Backend):
        accepts = frozenset({"fake"})

        @classmethod
        def devices(cls) -> Sequence[Device]:
            return [Device("cpu", "cpu"), Device("cpu:1", "cpu")]

        def open(self, artifact: Artifact, device: Device) -> Executor:
            if opened is not None:
                opened.append(device)
            return make()

    own: dict[str, Mapping[str, type[Plug]]] = {"loader": {"fake": FakeLoader}, "backend": {"fake": FakeBackend}}
    return registry_of(batching, scheduling, routing, placement, **{**own, **sockets})


def configured(**model: Any) -> dict[str, Any]:
    """A configuration with one model, `double`."""
    settings = {"source": "fake:double", "warm_up": "off", "overlap": False} | model
    return {"models": {"double": settings}, "endpoints": {}, "observers": {}}


class Posting:
    """Stands in for the event loop: keeps what is posted until `run`, in the thread of the test."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], None]] = []
        self._posted = threading.Condition()

    def __call__(self, call: Callable[[], None]) -> None:
        with self._posted:
            self._calls.append(call)
            self._posted.notify_all()

    def run(self, done: Callable[[], object]) -> None:
        """Run what is posted, until `done`."""
        while not done():
            with self._posted:
                assert self._posted.wait_for(lambda: self._calls, PATIENCE), "nothing was posted"
                calls, self._calls = self._calls, []
            for call in calls:
                call()
