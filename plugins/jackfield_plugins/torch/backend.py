"""Backend `torch`: brings a model to a device."""

from __future__ import annotations

import copy
import platform
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from jackfield import Artifact, Backend, Capabilities, Device, Executor, Options
from jackfield.cuda import cuda_devices
from jackfield.errors import LoadError
from jackfield_plugins.torch.executor import TorchExecutor, argument_builder
from jackfield_plugins.torch.on_cuda import CudaTorchExecutor
from jackfield_plugins.torch.program import datatypes


class TorchOptions(Options):
    """Options of the backend `torch`."""

    threads: Annotated[int, Field(ge=1)] | None = None
    """Threads of one operator on the CPU; None: PyTorch's own choice. One number for the whole process: the model that
    is opened last decides."""
    compile: bool = False
    """Whether the model is compiled by torch.compile, which needs a C++ compiler and takes its time during warm-up."""
    compile_mode: Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"] = "default"
    """How torch.compile goes about it; `reduce-overhead` captures CUDA graphs, where it should go with `buckets`."""
    buckets: bool = False
    """Whether a compiled model sees only those numbers of rows that it is warmed up with: steps are filled up to the
    next, and each is compiled for itself instead of one for all."""


class TorchBackend(Backend):
    """Runs artifacts of the kinds `torch-export` and `torchscript` in inference mode."""

    options = TorchOptions
    settings: TorchOptions
    requires = ("torch",)
    extra = "cpu"
    accepts = frozenset({"torch-export", "torchscript"})

    @classmethod
    def devices(cls) -> Sequence[Device]:
        """CUDA devices, then the processor; empty if PyTorch cannot be imported."""
        try:
            import torch
        except Exception:
            return []
        found: list[Device] = []
        try:
            if torch.cuda.is_available():
                free = {one.device.name: one.device.memory_free for one in cuda_devices()}
                for index in range(torch.cuda.device_count()):
                    name, about = f"cuda:{index}", torch.cuda.get_device_properties(index)
                    found.append(Device(name, "cuda", about.name, about.total_memory, free.get(name)))
        except Exception:
            found.clear()  # a driver that is too old or broken: no device of its can be used
        description = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
        return [*found, Device("cpu", "cpu", description)]

    def open(self, artifact: Artifact, device: Device) -> Executor:
        """Make an executor; raises LoadError if the model cannot be brought to `device`."""
        import torch

        if artifact.signature is None:
            raise LoadError(f"'{artifact.source}' comes without a signature, and PyTorch cannot tell it")
        threads = self.settings.threads or device.threads
        if threads is not None:
            torch.set_num_threads(threads)
        try:
            target = torch.device(device.name)
            model, arguments = self._model(artifact, target)
        except Exception as error:
            text = (str(error).splitlines() or [""])[0]
            raise LoadError(
                f"PyTorch cannot open '{artifact.source}' on '{device.name}': {type(error).__name__}: {text}"
            ) from error
        buckets: Sequence[int] = ()
        if self.settings.compile:
            buckets = self.expected.rows if self.settings.buckets else ()
            model = torch.compile(model, dynamic=not buckets, mode=self.settings.compile_mode)
        capabilities = Capabilities(artifact.metadata.get("max_rows"), datatypes=frozenset(datatypes().values()))
        bounds = artifact.metadata.get("bounds") or ()
        cls = CudaTorchExecutor if target.type == "cuda" else TorchExecutor
        return cls(model, arguments, artifact.signature, capabilities, target, bounds, buckets)

    def _model(self, artifact: Artifact, device: Any) -> tuple[Any, Any]:
        import torch

        if artifact.kind == "torchscript":
            model = torch.jit.load(str(artifact.content), map_location=device)
            return model.eval(), argument_builder(None, {})
        program = artifact.content
        if device.type != "cpu":
            from torch.export.passes import move_to_device_pass

            # the artifact is shared by all replicas, and the pass works in place
            program = move_to_device_pass(copy.deepcopy(program), device)
        # guards are text that is evaluated as code; signature and bounds check the shapes instead
        model = program.module(check_guards=False)
        model.validate_inputs = artifact.metadata.get("bounds") is None
        return model, argument_builder(program.call_spec.in_spec, artifact.metadata.get("fixed", {}))
