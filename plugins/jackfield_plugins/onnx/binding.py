"""Executor of an ONNX Runtime session on a device of its own: tensors are bound to it, and brought there ahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jackfield import Array, Capabilities, Signature, Step
from jackfield.errors import ExecutionFailed, OutOfMemory
from jackfield_plugins.onnx.executor import OnnxExecutor, reason

_MEMORY = ("Failed to allocate memory", "CUDA out of memory", "cudaErrorMemoryAllocation")


class Brought(dict[str, Array]):
    """Joined inputs by name, as on the host, with their twins on the device."""

    def __init__(self, arrays: dict[str, Array], values: dict[str, Any]) -> None:
        super().__init__(arrays)
        self.values_there = values


class BoundOnnxExecutor(OnnxExecutor):
    """As `OnnxExecutor`, for models of numbers: `prepare` copies the inputs of the next step to the device while one
    runs, and outputs come back once, at its end. `kind` and `index`: the device, as ONNX Runtime names it."""

    def __init__(
        self, session: Any, signature: Signature, capabilities: Capabilities, kind: str = "cuda", index: int = 0
    ) -> None:
        super().__init__(session, signature, capabilities)
        self._kind = kind
        self._index = index

    def prepare(self, step: Step) -> tuple[dict[str, Array], Sequence[str]]:
        """The joined inputs, also on the device, and which outputs anybody wants."""
        inputs, wanted = super().prepare(step)
        try:
            return self._brought(inputs), wanted
        except Exception:  # for want of memory, mostly: the step before may give some back, and `run` tries again
            return inputs, wanted

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run the session. Raises OutOfMemory, else ExecutionFailed."""
        try:
            brought = inputs if isinstance(inputs, Brought) else self._brought(inputs)
            binding = self._session.io_binding()
            for name, value in brought.values_there.items():
                binding.bind_ortvalue_input(name, value)
            for name in outputs:
                binding.bind_output(name, self._kind, self._index)
            self._session.run_with_iobinding(binding)
            return dict(zip(outputs, binding.copy_outputs_to_cpu(), strict=True))
        except Exception as error:
            text = reason(error)
            if any(one in text for one in _MEMORY):
                raise OutOfMemory("the device has not enough memory for this step") from error
            raise ExecutionFailed(text) from error

    def _brought(self, inputs: dict[str, Array]) -> Brought:
        from onnxruntime import OrtValue

        there = {n: OrtValue.ortvalue_from_numpy(one, self._kind, self._index) for n, one in inputs.items()}
        return Brought(inputs, there)
