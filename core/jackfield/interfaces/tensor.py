"""The executor of tensor models: joins rows, runs them once, parts the outputs. A backend implements `run`."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence

from jackfield.errors import ExecutionFailed, OutOfMemory
from jackfield.interfaces.batching import Capacity
from jackfield.interfaces.executor import Executor
from jackfield.interfaces.joining import cut, is_of_rows, join, join_padded, part, stacked
from jackfield.padding import Lengths, Padding
from jackfield.types import Array, Capabilities, Signature, TensorSpec
from jackfield.work import Outcome, Response, Step, Work

_Prepared = tuple[dict[str, Array], Sequence[str]]


class TensorExecutor(Executor):
    """Every work is over after one step. Inputs are joined along their batch axis with one copy (none for a single
    request); outputs are parted as views into the batch's memory.

    `padding` is set when the model is loaded, if the batching policy pads and the model proved to bear it: then rows of
    different lengths come to `run` filled up, and outputs are cut back.

    If `capabilities.mixed_shapes`, a tensor that the signature calls ragged may be an array of objects, one array a
    row, where its rows differ in shape: inputs come to `run` so, and outputs may be returned so.

    If `run` raises OutOfMemory, steps have at most half as many rows from then on; the loop runs the parts of this one.
    """

    padding: Padding | None = None

    def __init__(self, signature: Signature, capabilities: Capabilities) -> None:
        self.signature = signature
        self.capabilities = capabilities
        self._ragged = any(spec.ragged for spec in signature.outputs)
        self._fits = 2**31  # rows of a step, as far as running out of memory has told

    @abstractmethod
    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run the model on joined `inputs` and return the arrays named in `outputs` (host memory, the signature's
        datatypes). Raises anything on failure. The inputs are not to be changed; the outputs pass to the caller."""

    def prepare(self, step: Step) -> _Prepared:
        """The joined inputs, and which outputs anybody wants."""
        work = step.work
        wanted = _wanted(work, self.signature.output_names)
        if self.padding is None:
            return join(self.signature, work), wanted
        return join_padded(self.padding, work, self.padding.target(work)), wanted

    def execute(self, step: Step) -> Outcome:
        """Run the step and part its outputs; fails as a whole if an output does not fit the signature."""
        inputs, wanted = step.payload
        report = step.work[0].report
        start = time.perf_counter()
        try:
            outputs = self.run(inputs, wanted)
        except OutOfMemory:
            self._fits = max(1, min(self._fits, step.rows // 2))
            raise
        ran = time.perf_counter()
        self._check(outputs, wanted, step.rows)
        if self.padding is not None:
            self._check_lengths(self.padding, outputs, self.padding.target(step.work))
        parts = part(self.signature, step.work, outputs)
        if self.padding is not None:
            cut(self.padding, step.work, parts)
        if report is not None:
            report.execute += ran - start
            report.finish += time.perf_counter() - ran
        if self._ragged:
            return Outcome([stacked(self.signature, own) for own in parts])
        return Outcome([Response(own) for own in parts])

    def capacity(self) -> Capacity:
        """`capabilities.max_rows`, or half of what once was too much for the device's memory, whichever is less."""
        return Capacity(rows=min(self.capabilities.max_rows or 2**31, self._fits))

    def _check_rows(self, spec: TensorSpec, array: Array, rows: int) -> None:
        if array.shape != (rows,):
            raise ExecutionFailed(f"output '{spec.name}' has {len(array)} rows for a batch of {rows}")
        expected = list(spec.shape or ())
        if expected:
            del expected[spec.batch_axis or 0]
        for row in array:
            fits = len(row.shape) == len(expected) and all(
                e in (-1, n) for n, e in zip(row.shape, expected, strict=True)
            )
            if row.dtype != spec.dtype or (spec.shape is not None and not fits):
                raise ExecutionFailed(
                    f"output '{spec.name}' has a row of shape {list(row.shape)} and {row.dtype}, its signature says "
                    f"{expected if spec.shape is not None else 'any shape'} and {spec.datatype}"
                )

    def _check_lengths(self, padding: Padding, outputs: dict[str, Array], lengths: Lengths) -> None:
        for name, axes in padding.outputs.items():
            for number, place in axes:
                if name in outputs and (length := outputs[name].shape[number]) != lengths[place]:
                    raise ExecutionFailed(
                        f"output '{name}' has length {length} along axis {number} where the inputs have "
                        f"{lengths[place]}, padding included"
                    )

    def _check(self, outputs: dict[str, Array], wanted: Sequence[str], rows: int) -> None:
        for spec in self.signature.outputs:
            if spec.name not in wanted:
                continue
            array = outputs.get(spec.name)
            if array is None:
                raise ExecutionFailed(f"the model returned no output '{spec.name}'")
            if is_of_rows(spec, array):
                self._check_rows(spec, array, rows)
                continue
            if array.dtype != spec.datatype.numpy:
                raise ExecutionFailed(
                    f"output '{spec.name}' has dtype {array.dtype}, its signature says {spec.datatype}"
                )
            shape, axis = array.shape, spec.batch_axis
            expected = spec.shape
            if expected is not None and (
                len(shape) != len(expected)
                or any(e not in (-1, s) for i, (s, e) in enumerate(zip(shape, expected, strict=True)) if i != axis)
            ):
                raise ExecutionFailed(
                    f"output '{spec.name}' has shape {list(shape)}, its signature says {list(expected)}"
                )
            if axis is not None and (len(shape) <= axis or shape[axis] != rows):
                got = shape[axis] if len(shape) > axis else 0
                raise ExecutionFailed(f"output '{spec.name}' has {got} rows for a batch of {rows}")


def _wanted(work: Sequence[Work], everything: tuple[str, ...]) -> Sequence[str]:
    names: set[str] = set()
    for one in work:
        if not one.request.outputs:
            return everything
        names.update(one.request.outputs)
    return [name for name in everything if name in names]
