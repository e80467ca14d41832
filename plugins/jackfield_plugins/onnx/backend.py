"""Backend `onnxruntime`: makes a session on the device that was asked for, or says why not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from jackfield import Artifact, Backend, Capabilities, Datatype, Device, Executor, Options
from jackfield.errors import LoadError
from jackfield_plugins.onnx.binding import BoundOnnxExecutor
from jackfield_plugins.onnx.devices import CUDA, devices
from jackfield_plugins.onnx.executor import OnnxExecutor
from jackfield_plugins.onnx.signature import DATATYPES, describe

_CPU = "CPUExecutionProvider"
_CARRIED = frozenset(DATATYPES.values())
_HOST_ONLY = {Datatype.BYTES, Datatype.BF16}
"""Datatypes whose tensors cannot be brought to a device from NumPy arrays."""
_ON_CUDA = (CUDA, "TensorrtExecutionProvider", "NvTensorRTRTXExecutionProvider")


class OnnxRuntimeOptions(Options):
    """Options of the backend `onnxruntime`."""

    threads: Annotated[int, Field(ge=1)] | None = None
    """Threads that share the work of one operator; None: one for each physical core of the machine."""
    inter_op_threads: Annotated[int, Field(ge=1)] | None = None
    """Threads that run independent operators side by side; None: they run one after the other."""
    graph_optimization: Literal["disabled", "basic", "extended", "all"] = "all"
    """How far the graph is rewritten when the model is loaded."""
    providers: list[str] | None = None
    """Execution providers, best first; None: the one that belongs to the device."""
    provider_options: dict[str, dict[str, str]] = {}
    """Options for each of the providers, by the provider's name."""
    spinning: Literal["always", "in-step", "never"] = "in-step"
    """When threads that wait spin. `in-step`: while a step runs, so that its operators follow each other quickly;
    `always`: also for a moment after it (ONNX Runtime's own default), which keeps the core from the event loop and from
    clients on the same machine; `never`: each operator wakes its threads anew."""
    session_config: dict[str, str] = {}
    """Further entries of the session's configuration, as ONNX Runtime names them."""


class OnnxRuntimeBackend(Backend):
    """Runs artifacts of kind `onnx` on the CPU, on CUDA devices, or by any provider that this ONNX Runtime has.

    A provider that does not come up is a LoadError. That single operators of a graph run on the CPU because their
    provider lacks them is ONNX Runtime's rule and is allowed; set `session.disable_cpu_ep_fallback` to `"1"` in
    `session_config` to forbid it.
    """

    options = OnnxRuntimeOptions
    settings: OnnxRuntimeOptions
    requires = ("onnxruntime",)
    extra = "cpu"
    accepts = frozenset({"onnx"})

    @classmethod
    def devices(cls) -> Sequence[Device]:
        """CUDA devices whose provider was tried and works, then the processor. Never raises."""
        return devices()

    def open(self, artifact: Artifact, device: Device) -> Executor:
        """Make a session for the file; raises LoadError with one sentence and no paths but the configured source."""
        import onnxruntime

        providers = self._providers(device, onnxruntime.get_available_providers())
        path: Path = artifact.content
        try:
            session = onnxruntime.InferenceSession(
                path, self._session_options(onnxruntime, device.threads), providers=providers, enable_fallback=False
            )
        except Exception as error:
            raise LoadError(
                f"onnxruntime cannot open '{artifact.source}' on '{device.name}': {_reason(error, path)}"
            ) from error
        got = session.get_providers()
        if any(name not in got for name, _ in providers):
            asked = ", ".join(name for name, _ in providers)
            raise LoadError(
                f"'{artifact.source}' was to run on '{device.name}' with {asked}, and onnxruntime fell back to "
                f"{', '.join(got)}: check the driver and the libraries that the provider needs"
            )
        session.disable_fallback()
        signature = artifact.signature or describe(session, artifact.metadata.get("unranked", ()))
        plain = not {spec.datatype for spec in (*signature.inputs, *signature.outputs)} & _HOST_ONLY
        if device.kind == "cuda" and plain:
            on_device = Capabilities(datatypes=_CARRIED - _HOST_ONLY)
            return BoundOnnxExecutor(session, signature, on_device, "cuda", _index(device))
        return OnnxExecutor(session, signature, Capabilities(datatypes=_CARRIED))

    def _providers(self, device: Device, available: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
        names = self.settings.providers
        if names is None:
            by_kind = {"cpu": [_CPU], "cuda": [CUDA]}
            if device.kind not in by_kind:
                raise LoadError(f"onnxruntime has no default provider for device '{device.name}': set 'providers'")
            names = by_kind[device.kind]
        if not names:
            raise LoadError(f"'providers' is empty: name at least one of {', '.join(available)}")
        for name in names:
            if name not in available:
                raise LoadError(f"onnxruntime has no provider '{name}' here; it has {', '.join(available)}")
        for name in self.settings.provider_options:
            if name not in names:
                raise LoadError(f"'provider_options' names '{name}', which is not in 'providers' ({', '.join(names)})")
        if any(name in _ON_CUDA for name in names) != (device.kind == "cuda"):
            raise LoadError(f"device '{device.name}' does not go with the providers {', '.join(names)}")
        index = str(_index(device))
        chosen: list[tuple[str, dict[str, str]]] = []
        for name in names:
            own = {"device_id": index} if name in _ON_CUDA else {}
            chosen.append((name, own | self.settings.provider_options.get(name, {})))
        return chosen

    def _session_options(self, onnxruntime: Any, threads: int | None) -> Any:
        settings = self.settings
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors reach us as exceptions; the runtime would print them as well
        options.intra_op_num_threads = settings.threads or threads or 0
        if settings.inter_op_threads is not None:
            options.execution_mode = onnxruntime.ExecutionMode.ORT_PARALLEL
            options.inter_op_num_threads = settings.inter_op_threads
        level = "ORT_DISABLE_ALL" if settings.graph_optimization == "disabled" else None
        level = level or f"ORT_ENABLE_{settings.graph_optimization.upper()}"
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        spin = "0" if settings.spinning == "never" else "1"
        config = {
            "session.intra_op.allow_spinning": spin,
            "session.inter_op.allow_spinning": spin,
            "session.force_spinning_stop": "1" if settings.spinning == "in-step" else "0",
        }
        for key, value in (config | settings.session_config).items():
            options.add_session_config_entry(key, value)
        return options


def _index(device: Device) -> int:
    return int(device.name.partition(":")[2] or 0)


def _reason(error: Exception, path: Path) -> str:
    """The runtime's first line, without its prefix and without paths of this machine."""
    text = (str(error).splitlines() or [type(error).__name__])[0]
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(r"^Load model from .* failed:", "", text)
    text = re.sub(r"/onnxruntime_src/\S+ ", "", text)
    for folder in (path.parent.resolve(), path.parent):
        if folder.name:
            text = text.replace(f"{folder}/", "").replace(str(folder), folder.name)
    return text.strip()
