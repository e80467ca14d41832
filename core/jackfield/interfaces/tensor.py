"""The executor of tensor models: joins rows, runs them once, parts the outputs. A backend implements `run`."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from jackfield.errors import ExecutionFailed
from jackfield.interfaces.executor import Executor
from jackfield.types import Array, Capabilities, Signature
from jackfield.work import Outcome, Response, Result, Step, Work

_Prepared = tuple[dict[str, Array], Sequence[str]]


class TensorExecutor(Executor):
    """Every work is over after one step. Inputs are joined along their batch axis with one copy (none for a single
    request); outputs are parted as views into the batch's memory."""

    def __init__(self, signature: Signature, capabilities: Capabilities) -> None:
        self.signature = signature
        self.capabilities = capabilities

    @abstractmethod
    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run the model on joined `inputs` and return the arrays named in `outputs` (host memory, the signature's
        datatypes). Raises anything on failure. The inputs are not to be changed; the outputs pass to the caller."""

    def prepare(self, step: Step) -> _Prepared:
        """The joined inputs, and which outputs anybody wants."""
        work = step.work
        wanted = _wanted(work, self.signature.output_names)
        if len(work) == 1:
            return work[0].request.inputs, wanted
        first = work[0].request.inputs
        joined: dict[str, Array] = {}
        for name in first:
            axis = self.signature.by_name[name].batch_axis
            if axis is None:
                joined[name] = first[name]
            else:
                joined[name] = np.concatenate([w.request.inputs[name] for w in work], axis)
        return joined, wanted

    def execute(self, step: Step) -> Outcome:
        """Run the step and part its outputs; fails as a whole if an output does not fit the signature."""
        inputs, wanted = step.payload
        report = step.work[0].report
        start = time.perf_counter()
        outputs = self.run(inputs, wanted)
        ran = time.perf_counter()
        self._check(outputs, wanted, step.rows)
        results = self._part(step.work, outputs)
        if report is not None:
            report.execute += ran - start
            report.finish += time.perf_counter() - ran
        return Outcome(results)

    def _check(self, outputs: dict[str, Array], wanted: Sequence[str], rows: int) -> None:
        for spec in self.signature.outputs:
            if spec.name not in wanted:
                continue
            array = outputs.get(spec.name)
            if array is None:
                raise ExecutionFailed(f"the model returned no output '{spec.name}'")
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

    def _part(self, work: Sequence[Work], outputs: dict[str, Array]) -> list[Result | None]:
        if len(work) == 1:
            names = work[0].request.outputs or self.signature.output_names
            return [Response({name: outputs[name] for name in names})]
        results: list[Result | None] = []
        start = 0
        axes = {spec.name: spec.batch_axis for spec in self.signature.outputs}
        for one in work:
            stop = start + one.rows
            part: dict[str, Array] = {}
            for name in one.request.outputs or self.signature.output_names:
                array, axis = outputs[name], axes[name]
                if axis == 0:
                    part[name] = array[start:stop]
                elif axis is None:
                    part[name] = array
                else:
                    part[name] = array[(slice(None),) * axis + (slice(start, stop),)]
            results.append(Response(part))
            start = stop
        return results


def _wanted(work: Sequence[Work], everything: tuple[str, ...]) -> Sequence[str]:
    names: set[str] = set()
    for one in work:
        if not one.request.outputs:
            return everything
        names.update(one.request.outputs)
    return [name for name in everything if name in names]
