"""Servers of one scripted model."""

from __future__ import annotations

import threading
from typing import Any

from jackfield.interfaces import TensorExecutor
from jackfield.lifecycle.statistics import Statistics
from jackfield.server import Server
from jackfield.testing import ScriptedExecutor
from tests.core.lifecycle.fakes import configured, plugged


def served(executor: TensorExecutor | None = None, **model: Any) -> tuple[Server, Any]:
    """A server of the model `double`, and the executor that it runs."""
    one = executor if executor is not None else ScriptedExecutor()
    return Server(configured(**model), registry=plugged(lambda: one)), one


def forget_probing(executor: ScriptedExecutor) -> None:
    """As if it had not run yet."""
    executor.entered = threading.Semaphore(0)
    executor.runs.clear()


def statistics_of(server: Server) -> Statistics:
    """The ledger of its only version."""
    return server.versions[0].statistics
