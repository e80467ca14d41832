"""Filling steps up to few numbers of rows, for models that are compiled for each shape that they see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jackfield import Array, Signature


def filled_up(signature: Signature, inputs: dict[str, Array], buckets: Sequence[int]) -> tuple[int, dict[str, Array]]:
    """How many rows `inputs` have, and the same with the last row repeated up to the next of the ascending `buckets`: a
    row that the model is known to take. As they are beyond the last, without rows, and where rows cannot be joined."""
    axes = {name: axis for name in inputs if (axis := signature.by_name[name].batch_axis) is not None}
    if not axes or not signature.batched:
        return 0, inputs
    name, axis = next(iter(axes.items()))
    rows = inputs[name].shape[axis]
    target = next((bucket for bucket in buckets if bucket >= rows), rows)
    if target == rows or not rows:
        return rows, inputs
    places = np.minimum(np.arange(target), rows - 1)
    return rows, {name: np.take(one, places, axes[name]) if name in axes else one for name, one in inputs.items()}


def first_rows(signature: Signature, outputs: dict[str, Array], rows: int) -> dict[str, Array]:
    """`outputs` without what was filled up, as views."""
    axes = {spec.name: spec.batch_axis for spec in signature.outputs}
    if not signature.batched:
        return outputs
    kept = {}
    for name, array in outputs.items():
        axis = axes[name] or 0
        kept[name] = array[(slice(None),) * axis + (slice(rows),)] if array.ndim > axis else array
    return kept
