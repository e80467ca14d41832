"""A plugin with a little of everything, registered by hand: no test here depends on what is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import click
from pydantic import Field, SecretStr, field_validator, model_validator

from jackfield import hookimpl
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
    Waiting,
)
from jackfield.interfaces.router import Candidate
from jackfield.options import Options
from jackfield.plugins.manager import Manager, Plugin
from jackfield.plugins.registry import Registry
from jackfield.types import Device
from jackfield.work import Request, Wait, Work


class Onnx(Loader):
    """ONNX files."""

    @classmethod
    def detects(cls, source: str) -> bool:
        return source.endswith(".onnx")

    def load(self, source: str) -> Artifact:
        raise NotImplementedError


class Tuning(Options):
    """Nested options."""

    level: int = Field(default=1, ge=0, le=3)
    """How hard to try."""


class FakeBackendOptions(Options):
    """Runs nothing, and takes options of every kind."""

    threads: int = Field(default=0, ge=0)
    """Threads of one step; 0 lets the library choose."""
    precision: Literal["fp32", "fp16"] = "fp32"
    """Numbers to compute with."""
    tuning: Tuning = Tuning()
    """Finer settings."""
    token: SecretStr = SecretStr("")
    """Something secret."""
    cache: Path | None = None
    """A folder for compiled models."""

    @field_validator("token")
    @classmethod
    def _no_blank(cls, value: SecretStr) -> SecretStr:
        if " " in value.get_secret_value():
            raise ValueError(f"token {value.get_secret_value()} has a blank in it")
        return value

    @model_validator(mode="after")
    def _pairs(self) -> FakeBackendOptions:
        if self.precision == "fp16" and self.threads == 13:
            raise ValueError(f"13 threads cannot do fp16, with {self.token.get_secret_value()}")
        return self


class FakeBackend(Backend):
    """Runs nothing."""

    options: ClassVar[type[Options]] = FakeBackendOptions

    @classmethod
    def devices(cls) -> Sequence[Device]:
        return [Device("cpu", "cpu", "a processor", 8 * 2**30, 4 * 2**30), Device("fake:0", "fake")]

    def open(self, artifact: Artifact, device: Device) -> Executor:
        raise NotImplementedError


class AbsentBackend(FakeBackend):
    """Needs what is not there."""

    options = Options
    requires = ("a_module_that_is_not_there",)
    extra = "absent"


class DynamicOptions(Options):
    """Joins requests that wait."""

    max_batch_size: int = Field(default=32, ge=1)
    """Most rows of a step."""
    max_delay_ms: float = Field(default=2.0, ge=0)
    """How long the oldest request may wait for company."""


class Dynamic(BatchingPolicy):
    """Joins requests that wait."""

    options: ClassVar[type[Options]] = DynamicOptions

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        return Wait()


class NoBatching(Dynamic):
    """One request a step."""

    options = Options


class Fifo(Scheduler):
    """First come, first served."""

    def add(self, work: Work, now: float) -> None: ...

    def remove(self, work: Work) -> None: ...

    def offer(self, now: float) -> Iterator[Work]:
        return iter(())

    def __len__(self) -> int:
        return 0


class PriorityOptions(Options):
    """By the request's priority."""

    levels: int = Field(default=3, ge=1, le=100)
    """How many levels there are."""


class Priority(Fifo):
    """By the request's priority."""

    options = PriorityOptions


class LeastLoaded(Router):
    """The one with the least to do."""

    def choose(self, request: Request, rows: int, replicas: Sequence[Candidate]) -> int:
        return 0


class Thread(Placement):
    """A thread of this process."""

    def start(self, spec: ReplicaSpec) -> Replica:
        raise NotImplementedError


class EndpointOptions(Options):
    """A protocol."""

    path: str = "/v2"
    """Where it is."""


class OpenInference(Endpoint):
    """The Open Inference Protocol."""

    options: ClassVar[type[Options]] = EndpointOptions

    def routes(self) -> Sequence[Route]:
        return []


class Metrics(OpenInference):
    """Numbers for Prometheus."""

    options = Options


class AbsentEndpoint(Metrics):
    """Needs what is not there."""

    requires = ("a_module_that_is_not_there",)


class AccessLog(Observer):
    """A line for each request."""


@click.command()
def hello() -> None:
    """Say hello."""
    click.echo("hello from a plugin")


EVERYTHING: Mapping[str, Mapping[str, Any]] = {
    "jackfield_loaders": {"onnx": Onnx},
    "jackfield_backends": {"fake": FakeBackend, "absent": AbsentBackend},
    "jackfield_batching_policies": {"dynamic": Dynamic, "none": NoBatching},
    "jackfield_schedulers": {"fifo": Fifo, "priority": Priority},
    "jackfield_routers": {"least-loaded": LeastLoaded},
    "jackfield_placements": {"thread": Thread},
    "jackfield_endpoints": {"open-inference": OpenInference, "metrics": Metrics, "absent-endpoint": AbsentEndpoint},
    "jackfield_observers": {"access-log": AccessLog},
    "jackfield_commands": {"hello": hello},
}


def plugin(hooks: Mapping[str, Mapping[str, Any]], name: str = "test") -> Plugin:
    """A plugin whose hooks return what `hooks` says."""
    module = SimpleNamespace()
    for hook, answer in hooks.items():
        setattr(module, hook, _hook(hook, answer))
    return Plugin(name, "jackfield-test", "1.2.3", "1.0", module)


def registry(**changes: Mapping[str, Any]) -> Registry:
    """Everything above, but for `changes` by hook."""
    return Registry(Manager([plugin({**EVERYTHING, **changes})]))


def _hook(name: str, answer: Mapping[str, Any]) -> Any:
    def hook() -> Mapping[str, Any]:
        return answer

    hook.__name__ = name
    return hookimpl(hook)
