"""Which axis of a model's tensors may be the batch: a guess from names and open axes, for backends whose artifacts do
not say it. It is proved by running rows before anything is joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jackfield.types import Signature, TensorSpec


def with_batch_axis(signature: Signature) -> Signature:
    """`signature` with the axes set along which requests could be joined; unchanged if there are none.

    A candidate only, to be proven by running two rows. It is the axis of one name that some input and every output
    have, wherever it stands: one with `batch` in its name, else one that is the first open axis of each output. Without
    such a name it is axis 0, if that is open in some input and every output. Inputs without the axis get None.
    """
    name = _shared_name(signature)
    if name is not None:
        inputs = [_named_axis(spec, name) for spec in signature.inputs]
        outputs = [_named_axis(spec, name) for spec in signature.outputs]
    else:
        inputs = [0 if spec.shape and spec.shape[0] == -1 else None for spec in signature.inputs]
        # an output of unknown rank is given the benefit of the doubt: running it will tell
        outputs = [0 if spec.shape is None or spec.shape[:1] == (-1,) else None for spec in signature.outputs]
        if all(axis is None for axis in inputs) or None in outputs:
            return signature
    return Signature(_placed(signature.inputs, inputs), _placed(signature.outputs, outputs))


def _shared_name(signature: Signature) -> str | None:
    of_inputs = dict.fromkeys(axis for spec in signature.inputs for axis in spec.axes if axis)
    shared = [name for name in of_inputs if signature.outputs and all(name in spec.axes for spec in signature.outputs)]
    for name in shared:
        if "batch" in name.lower():
            return name
    return next((name for name in shared if all(_first_open(spec) == name for spec in signature.outputs)), None)


def _first_open(spec: TensorSpec) -> str:
    return next((name for name, length in zip(spec.axes, spec.shape or (), strict=True) if length == -1), "")


def _named_axis(spec: TensorSpec, name: str) -> int | None:
    return spec.axes.index(name) if name in spec.axes else None


def _placed(specs: Sequence[TensorSpec], axes: Sequence[int | None]) -> tuple[TensorSpec, ...]:
    return tuple(replace(spec, batch_axis=axis) for spec, axis in zip(specs, axes, strict=True))
