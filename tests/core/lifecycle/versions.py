"""Versions without a server, and how tests look at them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from jackfield.clock import MonotonicClock
from jackfield.config import load
from jackfield.config.models import ModelConfig
from jackfield.interfaces import Executor
from jackfield.lifecycle.observers import Observers
from jackfield.lifecycle.version import Version
from jackfield.plugins.registry import Registry
from jackfield.testing import ScriptedExecutor
from tests.core.lifecycle.fakes import NOBODY, configured


def version_of(registry: Registry, observers: Observers = NOBODY, **model: Any) -> Version:
    """A version of the model `double`, for the event loop that runs."""
    config: ModelConfig = load(configured(**model), registry).models["double"]
    loop = asyncio.get_running_loop()

    def post(call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(call)

    return Version("double", config, registry, observers, MonotonicClock(), post)


async def load_probed(version: Version, executors: list[ScriptedExecutor]) -> None:
    """Load it, and forget how it was probed."""
    await version.load()
    assert version.ready, version.reason
    for executor in executors:
        executor.entered = threading.Semaphore(0)
        executor.runs.clear()


def making(executors: list[ScriptedExecutor], **more: Any) -> Callable[[], Executor]:
    """What makes executors, and puts them into `executors`."""

    def make() -> Executor:
        executors.append(ScriptedExecutor(**more))
        return executors[-1]

    return make


def ledger(version: Version) -> tuple[int, ...]:
    """Accepted, completed, failed, cancelled, expired."""
    s = version.statistics
    return s.accepted, s.completed, s.failed, s.cancelled, s.expired
