"""Backend `openvino`: compiles a model for a device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from jackfield import Artifact, Backend, Device, Executor, Options
from jackfield.errors import LoadError
from pydantic import Field

from jackfield_openvino.devices import devices, own_name
from jackfield_openvino.executor import OpenVinoExecutor
from jackfield_openvino.signature import describe


class OpenVinoOptions(Options):
    """Options of the backend `openvino`."""

    threads: Annotated[int, Field(ge=1)] | None = None
    """Threads of one step; null: as many as the processor has cores."""
    precision: Literal["f32", "f16", "bf16"] = "f32"
    """What products are computed in. OpenVINO's own default is bf16 where the processor has it, which loses accuracy
    without a word."""
    cache: str = ""
    """Folder in which compiled models are kept, so that the next start is quicker; empty: none."""
    properties: dict[str, str] = {}
    """Further properties of the device, as OpenVINO names them."""


class OpenVinoBackend(Backend):
    """Runs artifacts of kind `onnx`. It is used where the configuration names it."""

    options = OpenVinoOptions
    settings: OpenVinoOptions
    requires = ("openvino",)
    accepts = frozenset({"onnx"})
    automatic = False

    @classmethod
    def devices(cls) -> Sequence[Device]:
        """What OpenVINO sees."""
        return devices()

    def open(self, artifact: Artifact, device: Device) -> Executor:
        """Compile the model; raises LoadError with OpenVINO's reason."""
        compiled, signature = self._compiled(artifact, device)
        return OpenVinoExecutor(compiled, signature)

    def build(self, artifact: Artifact, device: Device | None, told: Callable[[str, int, int], None]) -> str:
        """Compile it into the cache, if there is one."""
        if not self.settings.cache or device is None:
            return ""
        told("compiling", 0, 1)
        self._compiled(artifact, device)
        told("compiling", 1, 1)
        return f"compiled for {device.name}"

    def _compiled(self, artifact: Artifact, device: Device) -> tuple[Any, Any]:
        import openvino

        path: Path = artifact.content
        try:
            core = openvino.Core()
            model = core.read_model(path)
            signature = artifact.signature or describe(model)
            return core.compile_model(model, own_name(device), self._properties()), signature
        except LoadError:
            raise
        except Exception as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = (lines or [type(error).__name__])[-1].replace(str(path), path.name)
            raise LoadError(f"OpenVINO cannot open '{artifact.source}' on '{device.name}': {reason}") from error

    def _properties(self) -> dict[str, Any]:
        # One step at a time runs on a replica, so it gets all threads of one stream.
        found: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": self.settings.precision,
        }
        if self.settings.threads is not None:
            found["INFERENCE_NUM_THREADS"] = self.settings.threads
        if self.settings.cache:
            found["CACHE_DIR"] = self.settings.cache
        return found | self.settings.properties
