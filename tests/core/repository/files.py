"""Models that are files, for these tests: `y = x + N`, where N is what a `.model` file says."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jackfield.clock import Clock
from jackfield.errors import LoadError
from jackfield.interfaces import Artifact, Backend, Executor, Loader, TensorExecutor
from jackfield.plugins.registry import Registry
from jackfield.server import Server
from jackfield.testing import registry_of
from jackfield.types import Array, Capabilities, Datatype, Device, Signature, TensorSpec
from jackfield_plugins import batching, placement, routing, scheduling

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 1), batch_axis=0),), (TensorSpec("y", Datatype.FP32, (-1, 1), batch_axis=0),)
)


class Adding(TensorExecutor):
    """Adds a number."""

    def __init__(self, number: float, gate: threading.Event) -> None:
        super().__init__(SIGNATURE, Capabilities())
        self._number = number
        self._gate = gate

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Waits where the input is negative."""
        if inputs["x"].min(initial=0) < 0:
            self._gate.wait(30)
        return {"y": inputs["x"] + np.float32(self._number)}


class Shop:
    """What is loaded, in order; and gates that loading and running wait for."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.loading = threading.Event()
        self.running = threading.Event()
        self.loading.set()
        self.running.set()

    def registry(self) -> Registry:
        """A registry with a loader and a backend of these files."""
        shop = self

        class FileLoader(Loader):
            @classmethod
            def detects(cls, source: str) -> bool:
                return source.endswith(".model")

            def load(self, source: str) -> Artifact:
                shop.loaded.append("/".join(Path(source).parts[-3:]))
                shop.loading.wait(30)
                try:
                    number = float(Path(source).read_text())
                except (OSError, ValueError) as error:
                    raise LoadError(f"'{source}' is no model: {error}") from None
                return Artifact("file", source, number, None, True)

        class FileBackend(Backend):
            accepts = frozenset({"file"})

            @classmethod
            def devices(cls) -> Sequence[Device]:
                return [Device("cpu", "cpu")]

            def open(self, artifact: Artifact, device: Device) -> Executor:
                return Adding(artifact.content, shop.running)

        return registry_of(
            batching, scheduling, routing, placement, loader={"file": FileLoader}, backend={"file": FileBackend}
        )

    def server(self, models: Mapping[str, Any], clock: Clock | None = None, **settings: Any) -> Server:
        """A server of `models` that speaks nothing."""
        config = {"server": settings, "models": models, "endpoints": {}, "observers": {}}
        return Server(config, registry=self.registry(), clock=clock)


def put(path: Path, number: float | str) -> Path:
    """A model file, there at once as a whole, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(".new")
    new.write_text(str(number))
    return new.rename(path)


async def asked(server: Server, model: str = "m", version: str = "", x: float = 0.0, **more: Any) -> float:
    """What the model adds."""
    response = await server.infer(model, {"x": [[x]]}, version=version, **more)
    return float(response.outputs["y"][0, 0])
