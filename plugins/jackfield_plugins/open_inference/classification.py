"""Outputs as their best classes: `value:index`, or `value:index:label`, per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jackfield import Array, Datatype, TensorSpec
from jackfield.errors import InvalidRequest


def classify(spec: TensorSpec, array: Array, most: int, labels: Sequence[str]) -> Array:
    """The `most` best classes of each row of `array`, best first, as a BYTES array of shape [rows, most].

    Of equal values the first one wins. The shape is [most] where the output has no batch axis.

    Raises InvalidRequest if the output has fewer classes, or no values that could be ordered.
    """
    if spec.datatype in (Datatype.BYTES, Datatype.BOOL):
        raise InvalidRequest(f"output '{spec.name}' is {spec.datatype.value}, which has no classes")
    batched = spec.batch_axis is not None
    if spec.batch_axis:
        array = np.moveaxis(array, spec.batch_axis, 0)
    rows = array.reshape(array.shape[0], -1) if batched and array.size else array.reshape(1, -1)
    if spec.datatype is Datatype.BF16:
        rows = (rows.astype(np.uint32) << 16).view(np.float32)
    classes = rows.shape[1]
    if batched and array.size == 0:
        return np.empty((array.shape[0] if classes else 0, most), object)
    if most > classes:
        raise InvalidRequest(f"output '{spec.name}' has {classes} classes, and 'classification' asks for {most}")
    # sorted ascending from the back, so that the reversed order keeps the first of equal values first
    best = classes - 1 - np.argsort(rows[:, ::-1], axis=1, kind="stable")[:, : -most - 1 : -1]
    values = np.take_along_axis(rows, best, axis=1)
    texts = [_text(value, index, labels) for value, index in zip(values.ravel(), best.ravel().tolist(), strict=True)]
    found = np.empty(len(texts), object)
    found[:] = texts
    return found.reshape((-1, most) if batched else (most,))


def _text(value: Any, index: int, labels: Sequence[str]) -> bytes:
    number = f"{value:f}" if isinstance(value, np.floating) else str(value)
    label = f":{labels[index]}" if index < len(labels) else ""
    return f"{number}:{index}{label}".encode()
