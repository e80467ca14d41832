"""A field of a `generate` request as the input tensor of that name."""

from __future__ import annotations

from math import prod

import msgspec
import numpy as np

from jackfield import Array, TensorSpec
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.datatypes import KINDS
from jackfield_plugins.open_inference.json_data import from_json, nesting

_MOST_AXES = 32


def tensor(spec: TensorSpec, text: bytes) -> Array:
    """The array in `text`, valid JSON: a value, or a list nested as the tensor is. A list that has one axis fewer is a
    single row of a model that takes many; a value alone is a tensor of one element.

    Raises InvalidRequest naming the input.
    """
    kind, rank = KINDS[spec.datatype.value], None if spec.shape is None else len(spec.shape)
    if nesting(text) == 0:
        return from_json(spec.name, kind, (1,) * (1 if rank is None else rank), 1, b"[" + text + b"]")
    shape = _shape(spec.name, text)
    array = from_json(spec.name, kind, shape, prod(shape), text)
    if spec.batch_axis is not None and rank == len(shape) + 1:
        return np.expand_dims(array, spec.batch_axis)
    return array


def _shape(name: str, text: bytes) -> tuple[int, ...]:
    """The lengths along the first elements; that the others are alike is found out by whoever packs them."""
    value, shape = msgspec.json.decode(text), list[int]()
    while isinstance(value, list):
        shape.append(len(value))
        if len(shape) > _MOST_AXES:
            raise InvalidRequest(f"input '{name}': its data is nested more than {_MOST_AXES} deep")
        if not value:
            break
        value = value[0]
    return tuple(shape)
