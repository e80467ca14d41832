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
        Candidate,
        Capacity,
        Endpoint,
        Executor,
        Expected,
        Line,
        Loader,
        Observer,
        Placement,
        Progress,
        Reconfigurable,
        Replica,
        ReplicaSpec,
        Route,
        Router,
        Scheduler,
        SequenceExecutor,
        Settled,
        Share,
        TensorExecutor,
        Waiting,
    )
    from jackfield.lifecycle.version import Version
    from jackfield.options import Options
    from jackfield.padding import Lengths, Padding, PadOptions, Scale
    from jackfield.server import Server
    from jackfield.shape import Shape
    from jackfield.stream import Stream
    from jackfield.types import Array, Capabilities, Datatype, Device, Signature, TensorSpec
    from jackfield.work import Outcome, Request, Response, State, Step, StepReport, Wait, Work

__version__ = "0.1.0"

__all__ = [
    "API_VERSION",
    "App",
    "Array",
    "Artifact",
    "Backend",
    "BatchingPolicy",
    "Candidate",
    "Capabilities",
    "Capacity",
    "Clock",
    "Config",
    "Datatype",
    "Device",
    "Endpoint",
    "Executor",
    "Expected",
    "Lengths",
    "Line",
    "Loader",
    "ModelConfig",
    "Observer",
    "Options",
    "Outcome",
    "PadOptions",
    "Padding",
    "Placement",
    "Progress",
    "Reconfigurable",
    "Replica",
    "ReplicaSpec",
    "Request",
    "Response",
    "Route",
    "Router",
    "Scale",
    "Scheduler",
    "SequenceExecutor",
    "Server",
    "Settled",
    "Shape",
    "Share",
    "Signature",
    "State",
    "Step",
    "StepReport",
    "Stream",
    "TensorExecutor",
    "TensorSpec",
    "Version",
    "Wait",
    "Waiting",
    "Work",
    "create_app",
    "hookimpl",
]

_HOMES = (
    "types",
    "work",
    "clock",
    "shape",
    "options",
    "stream",
    "padding",
    "interfaces",
    "config",
    "lifecycle.version",
    "server",
    "asgi",
)
"""Where the names live, from the ground up: a name is taken from the first module that has it."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in _HOMES:
            module = importlib.import_module(f"jackfield.{home}")
            if hasattr(module, name):
                value = getattr(module, name)
                globals()[name] = value
                return value
    raise AttributeError(f"module 'jackfield' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
