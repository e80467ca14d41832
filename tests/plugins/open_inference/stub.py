"""A plugin with models for these tests: loader and backend `stub`, sources `stub:NAME`."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from jackfield import (
    Array,
    Artifact,
    Backend,
    Capabilities,
    Datatype,
    Device,
    Executor,
    Loader,
    Signature,
    TensorExecutor,
    TensorSpec,
    hookimpl,
)
from jackfield.errors import LoadError
from jackfield.plugins.manager import Manager, Plugin, discover
from jackfield.plugins.registry import Registry

jackfield_api = "1.0"

Run = Callable[[dict[str, Array]], dict[str, Array]]
GATE = threading.Event()
"""Model `gated` runs when this is set."""
GATE.set()


def spec(name: str, datatype: Datatype, *shape: int, batch_axis: int | None = 0) -> TensorSpec:
    """A tensor whose first axis is the batch."""
    return TensorSpec(name, datatype, shape, batch_axis=batch_axis)


def _mlp(inputs: dict[str, Array]) -> dict[str, Array]:
    x = inputs["x"]
    if (x[:, 0] == 666).any():
        raise RuntimeError("cannot read /srv/models/secret/weights.bin")
    y = x[:, :4] * 2
    return {"y": np.where(x[:, :1] == 404, np.float32(np.nan), y)}


def _slow(inputs: dict[str, Array]) -> dict[str, Array]:
    time.sleep(0.2)
    return {"y": inputs["x"]}


def _gated(inputs: dict[str, Array]) -> dict[str, Array]:
    GATE.wait(10)
    return {"y": inputs["x"]}


def _echo(inputs: dict[str, Array]) -> dict[str, Array]:
    return {"y": inputs["x"]}


def _pair(inputs: dict[str, Array]) -> dict[str, Array]:
    total = inputs["a"].sum(axis=1, keepdims=True, dtype=np.int64)
    joined = np.empty(inputs["b"].shape, object)
    joined[:] = [[b"<" + text + b">" for text in row] for row in inputs["b"]]
    return {"total": total, "marked": joined}


def _nothing(inputs: dict[str, Array]) -> dict[str, Array]:
    raise AssertionError("never runs")


MODELS: dict[str, tuple[Signature, Run]] = {
    "mlp": (Signature((spec("x", Datatype.FP32, -1, 16),), (spec("y", Datatype.FP32, -1, 4),)), _mlp),
    "slow": (Signature((spec("x", Datatype.FP32, -1, 1),), (spec("y", Datatype.FP32, -1, 1),)), _slow),
    "gated": (Signature((spec("x", Datatype.FP32, -1, 1),), (spec("y", Datatype.FP32, -1, 1),)), _gated),
    "pair": (
        Signature(
            (spec("a", Datatype.INT32, -1, 2), spec("b", Datatype.BYTES, -1, 1)),
            (spec("total", Datatype.INT64, -1, 1), spec("marked", Datatype.BYTES, -1, 1)),
        ),
        _pair,
    ),
    "single": (
        Signature(
            (spec("x", Datatype.FP32, 3, batch_axis=None),), (TensorSpec("y", Datatype.FP32, None, batch_axis=None),)
        ),
        _echo,
    ),
    **{
        f"echo-{datatype.value.lower()}": (
            Signature((spec("x", datatype, -1, -1),), (spec("y", datatype, -1, -1),)),
            _echo,
        )
        for datatype in Datatype
    },
}


class StubExecutor(TensorExecutor):
    """Runs a function."""

    def __init__(self, signature: Signature, function: Run) -> None:
        super().__init__(signature, Capabilities())
        self._function = function

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run it."""
        return self._function(inputs)


class StubLoader(Loader):
    """Looks up a model by its name; `broken` cannot be loaded."""

    @classmethod
    def detects(cls, source: str) -> bool:
        """By the scheme."""
        return source.startswith("stub:")

    def load(self, source: str) -> Artifact:
        """Look it up."""
        name = source.removeprefix("stub:")
        if name == "broken":
            raise LoadError("'/srv/models/broken.bin' is truncated")
        return Artifact("stub", source, name, MODELS[name][0], declared_batch=True)


class StubBackend(Backend):
    """Runs them on the CPU."""

    accepts = frozenset({"stub"})

    @classmethod
    def devices(cls) -> Sequence[Device]:
        """The CPU."""
        return [Device("cpu", "cpu")]

    def open(self, artifact: Artifact, device: Device) -> Executor:
        """An executor of the function."""
        return StubExecutor(*MODELS[artifact.content])


@hookimpl
def jackfield_loaders() -> Mapping[str, type[Loader]]:
    """The loader."""
    return {"stub": StubLoader}


@hookimpl
def jackfield_backends() -> Mapping[str, type[Backend]]:
    """The backend."""
    return {"stub": StubBackend}


def registry() -> Registry:
    """The plugins that a server needs to run these models and speak the protocol."""
    needed = "batching,open-inference,placement,routing,scheduling"
    found = discover({"JACKFIELD_PLUGINS": needed}).plugins
    return Registry(Manager([*found, Plugin("stub", "tests", "0", jackfield_api, sys.modules[__name__])]))


__all__ = ["GATE", "MODELS", "StubBackend", "StubLoader", "registry", "spec"]
