"""Joining the inputs of works into a batch, and parting its outputs; with padding, where lengths differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jackfield.errors import ExecutionFailed
from jackfield.padding import Lengths, Padding
from jackfield.types import Array, Datatype, Signature, TensorSpec
from jackfield.work import Response, Result, Work


def join(signature: Signature, work: Sequence[Work]) -> dict[str, Array]:
    """The inputs of works that agree in shape, with one copy; as they are for a single work."""
    first = work[0].request.inputs
    if len(work) == 1:
        return first
    joined: dict[str, Array] = {}
    for name in first:
        axis = signature.by_name[name].batch_axis
        if axis is None:
            joined[name] = first[name]
        else:
            joined[name] = _together(signature.by_name[name], [one.request.inputs[name] for one in work], axis)
    return joined


def join_padded(padding: Padding, work: Sequence[Work], target: Lengths) -> dict[str, Array]:
    """The inputs of works with the padded axes filled up to `target`: one copy, straight into the batch. How much of
    the padded inputs is padding goes into the works' report."""
    first = work[0].request.inputs
    joined: dict[str, Array] = {}
    elements = real = 0
    for name, array in first.items():
        arrays = [one.request.inputs[name] for one in work]
        axes = padding.inputs.get(name)
        axis = padding.signature.by_name[name].batch_axis
        if axis is None:
            joined[name] = array
            continue
        if axes is None:
            joined[name] = _together(padding.signature.by_name[name], arrays, axis) if len(arrays) > 1 else array
            continue
        joined[name] = _filled(arrays, axis, [(number, target[place]) for number, place in axes], padding.fill[name])
        elements += joined[name].size
        real += sum(one.size for one in arrays)
    report = work[0].report
    if report is not None:
        report.elements, report.padding = elements, elements - real
    return joined


def part(signature: Signature, work: Sequence[Work], outputs: dict[str, Array]) -> list[dict[str, Array]]:
    """The outputs that each work asked for, as views of its rows."""
    if len(work) == 1:
        return [{name: outputs[name] for name in work[0].request.outputs or signature.output_names}]
    axes = {spec.name: spec.batch_axis for spec in signature.outputs}
    parts: list[dict[str, Array]] = []
    start = 0
    for one in work:
        stop = start + one.rows
        own: dict[str, Array] = {}
        for name in one.request.outputs or signature.output_names:
            array, axis = outputs[name], axes[name]
            if axis == 0:
                own[name] = array[start:stop]
            elif axis is None:
                own[name] = array
            else:
                own[name] = array[(slice(None),) * axis + (slice(start, stop),)]
        parts.append(own)
        start = stop
    return parts


def cut(padding: Padding, work: Sequence[Work], parts: Sequence[dict[str, Array]]) -> None:
    """Take the padding off the outputs of each work, which follow the axes that were padded."""
    for one, own in zip(work, parts, strict=True):
        for name, array in own.items():
            axes = padding.outputs.get(name)
            if axes is not None:
                kept = [slice(None)] * array.ndim
                for number, place in axes:
                    kept[number] = slice(one.lengths[place])
                own[name] = array[tuple(kept)]


def of_rows(rows: Sequence[Array]) -> Array:
    """Rows of different shapes as an array of objects, one a row."""
    batch = np.empty(len(rows), object)
    for place, row in enumerate(rows):
        batch[place] = row
    return batch


def is_of_rows(spec: TensorSpec, array: Array) -> bool:
    """Whether `array` holds rows of different shapes, one object each."""
    return spec.ragged and array.dtype == object and spec.datatype is not Datatype.BYTES


def stacked(signature: Signature, outputs: dict[str, Array]) -> Result:
    """The response to one work. Its rows must be of one shape, whatever those of others are: it fails by itself."""
    for spec in signature.outputs:
        array = outputs.get(spec.name)
        if array is None or not is_of_rows(spec, array):
            continue
        shapes = {row.shape for row in array}
        if len(shapes) > 1:
            listed = " and ".join(str(list(shape)) for shape in sorted(shapes)[:2])
            return ExecutionFailed(f"output '{spec.name}' has rows of different shapes within one request: {listed}")
        empty = tuple(max(length, 0) for length in (spec.shape or (0,)))
        outputs[spec.name] = np.stack(list(array), spec.batch_axis or 0) if shapes else np.empty(empty, spec.dtype)
    return Response(outputs)


def _together(spec: TensorSpec, arrays: Sequence[Array], axis: int) -> Array:
    if spec.ragged and any(_row_shape(one, axis) != _row_shape(arrays[0], axis) for one in arrays):
        return of_rows([row for one in arrays for row in np.moveaxis(one, axis, 0)])
    return np.concatenate(arrays, axis)


def _row_shape(array: Array, axis: int) -> tuple[int, ...]:
    return array.shape[:axis] + array.shape[axis + 1 :]


def _filled(arrays: Sequence[Array], batch_axis: int, lengths: Sequence[tuple[int, int]], fill: object) -> Array:
    shape = list(arrays[0].shape)
    shape[batch_axis] = sum(one.shape[batch_axis] for one in arrays)
    for number, length in lengths:
        shape[number] = length
    batch = np.empty(shape, arrays[0].dtype)
    start = 0
    for one in arrays:
        stop = start + one.shape[batch_axis]
        place = [slice(None)] * len(shape)
        place[batch_axis] = slice(start, stop)
        for number, _ in lengths:  # beyond the row's end along each axis, within its ends along those before
            end = one.shape[number]
            if end < shape[number]:
                beyond = list(place)
                beyond[number] = slice(end, None)
                batch[tuple(beyond)] = fill
            place[number] = slice(end)
        batch[tuple(place)] = one
        start = stop
    return batch
