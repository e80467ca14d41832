"""Executor of PyTorch models on a CUDA device: pinned staging, a stream for copies and one for steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jackfield import Array, Step
from jackfield.errors import ExecutionFailed, OutOfMemory, Unavailable
from jackfield_plugins.torch.device_tensors import to_host, torch_dtypes
from jackfield_plugins.torch.executor import TorchExecutor
from jackfield_plugins.torch.staging import Staged, Staging


class CudaTorchExecutor(TorchExecutor):
    """As `TorchExecutor`; `prepare` begins to copy the inputs of the next step while one runs.

    Running out of memory fails the step, and smaller ones are formed from then on. An error of CUDA itself leaves no
    context to work with: then every further step raises Unavailable.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        torch = self._torch
        self._stream = torch.cuda.Stream(self._device)
        self._staging = Staging(torch, self._device)
        dtypes = torch_dtypes()
        self._dtypes = {spec.name: dtypes[spec.datatype] for spec in self.signature.inputs}
        self._broken = ""

    def prepare(self, step: Step) -> tuple[dict[str, Array], Sequence[str]]:
        """The joined inputs, on their way to the device, and which outputs anybody wants."""
        inputs, wanted = super().prepare(step)
        if self._broken or self._buckets:  # what is filled up is brought when it is known to what
            return inputs, wanted
        try:
            return self._staging.bring(inputs), wanted
        except self._torch.cuda.OutOfMemoryError:
            return inputs, wanted  # the step before may give some back; `run` tries again

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """As `TorchExecutor.run`; raises OutOfMemory and Unavailable, too."""
        torch = self._torch
        if self._broken:
            raise Unavailable(f"the device is lost to this replica: {self._broken}")
        try:
            with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
                return super().run(inputs, outputs)
        except torch.cuda.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise OutOfMemory("the device has not enough memory for this step") from error
        except RuntimeError as error:
            text = (str(error).splitlines() or [""])[0]
            if not text.startswith("CUDA error"):
                raise
            self._broken = text
            raise ExecutionFailed(f"the device failed: {text}") from error

    def close(self) -> None:
        """Let go of the model, and of the memory that PyTorch keeps for it."""
        super().close()
        self._torch.cuda.empty_cache()

    def _ran(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        staged = inputs if isinstance(inputs, Staged) else self._staging.bring(inputs)
        self._stream.wait_event(staged.slot.ready)
        held = {name: to_host(self._torch, tensor) for name, tensor in self._called(staged, outputs).items()}
        self._stream.synchronize()  # without the interpreter's lock
        self._staging.free(staged.slot)
        return {name: self._array(tensor) for name, tensor in held.items()}

    def _input(self, name: str, inputs: dict[str, Array]) -> Any:
        assert isinstance(inputs, Staged)
        array, memory = inputs[name], inputs.slot.buffers[name].memory
        return memory[: array.nbytes].view(self._dtypes[name]).view(array.shape)
