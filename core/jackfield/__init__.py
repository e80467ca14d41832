"""Jackfield: an inference server in which every decision is a plugin, chosen by name in the configuration.

Names are imported when they are first used, so that `import jackfield` is quick and a plugin author pays for nothing
but `hookimpl`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from jackfield.plugins import API_VERSION, hookimpl

if TYPE_CHECKING:
    from jackfield.asgi import App, create_app
    from jackfield.clock import Clock
    from jackfield.config import Config, ModelConfig
    from jackfield.interfaces import (
        Artifact,
        Backend,
        BatchingPolicy,
        Capacity,
        Endpoint,
        Executor,
        Loader,
        Observer,
        Placement,
        Replica,
        ReplicaSpec,
        Route,
        Router,
        Scheduler,
        Settled,
        TensorExecutor,
        Waiting,
    )
    from jackfield.options import Options
    from jackfield.server import Server
    from jackfield.shape import Shape
    from jackfield.types import Array, Capabilities, Datatype, Device, Signature, TensorSpec
    from jackfield.work import Outcome, Request, Response, State, Step, StepReport, Wait, Work

__version__ = "0.1.0"

_HOME = {
    "jackfield.asgi": ("App", "create_app"),
    "jackfield.clock": ("Clock",),
    "jackfield.config": ("Config", "ModelConfig"),
    "jackfield.interfaces": (
        "Artifact",
        "Backend",
        "BatchingPolicy",
        "Capacity",
        "Endpoint",
        "Executor",
        "Loader",
        "Observer",
        "Placement",
        "Replica",
        "ReplicaSpec",
        "Route",
        "Router",
        "Scheduler",
        "Settled",
        "TensorExecutor",
        "Waiting",
    ),
    "jackfield.options": ("Options",),
    "jackfield.server": ("Server",),
    "jackfield.shape": ("Shape",),
    "jackfield.types": ("Array", "Capabilities", "Datatype", "Device", "Signature", "TensorSpec"),
    "jackfield.work": ("Outcome", "Request", "Response", "State", "Step", "StepReport", "Wait", "Work"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["API_VERSION", "hookimpl", *_MODULE_OF]  # noqa: PLE0604  (the table above is the list)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'jackfield' has no attribute '{name}'")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
