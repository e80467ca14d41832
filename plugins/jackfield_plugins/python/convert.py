"""Arrays to what `predict` takes, and what it returns to arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jackfield import Array, Datatype, TensorSpec
from jackfield.errors import ExecutionFailed, InvalidRequest
from jackfield_plugins.python.annotations import Bound


def from_array(bound: Bound, array: Array) -> Any:
    """The array itself, or a list of its rows, of bytes or str. Raises InvalidRequest for bytes that are not UTF-8."""
    if bound.rows:
        return list(array)
    if bound.element is None:
        return array
    items: list[bytes] = array.ravel().tolist()
    if bound.element is bytes:
        return items
    texts: list[str] = []
    for index, item in enumerate(items):
        try:
            texts.append(item.decode())
        except UnicodeDecodeError as error:
            raise InvalidRequest(
                f"input '{bound.spec.name}': element {index} is not UTF-8 text ({error.reason} at byte {error.start})"
            ) from None
    return texts


def to_rows(spec: TensorSpec, value: Any) -> Array:
    """A list of rows as one array; of different shapes, as an array of objects. Raises as `to_array` does."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return to_array(spec, value)
    if not isinstance(value, Sequence | np.ndarray):
        raise ExecutionFailed(f"output '{spec.name}' must be a list of arrays, not a {type(value).__name__}")
    rows = [to_array(spec, row) for row in value]
    if rows and all((row.shape, row.dtype) == (rows[0].shape, rows[0].dtype) for row in rows):
        return np.stack(rows)
    batch: Array = np.empty(len(rows), object)
    for place, row in enumerate(rows):
        batch[place] = row
    return batch


def to_array(spec: TensorSpec, value: Any) -> Array:
    """`value` as an array of the output's datatype, where that loses no more than precision; else as it is, and the
    executor refuses it. Raises ExecutionFailed for what cannot be an array."""
    if value is None:
        raise ExecutionFailed(f"the model returned None for output '{spec.name}'")
    if spec.datatype is Datatype.BYTES:
        return _to_bytes(spec, value)
    try:
        array: Array = np.asarray(value)
    except Exception as error:
        raise ExecutionFailed(
            f"output '{spec.name}' is a {type(value).__name__} that cannot be made an array: {type(error).__name__}"
        ) from error
    wanted = spec.datatype.numpy
    if array.dtype == wanted:
        return array
    if spec.datatype is Datatype.BF16:
        return array.view(np.uint16) if array.dtype.name == "bfloat16" else array
    return array.astype(wanted) if np.can_cast(array.dtype, wanted, "same_kind") else array


def _to_bytes(spec: TensorSpec, value: Any) -> Array:
    given = value if isinstance(value, np.ndarray) else _objects(value)
    items = given.ravel().tolist()
    raw = np.empty(len(items), object)
    for index, item in enumerate(items):
        if not isinstance(item, str | bytes):
            raise ExecutionFailed(
                f"output '{spec.name}' must hold str or bytes, and element {index} is a {type(item).__name__}"
            )
        raw[index] = item.encode() if isinstance(item, str) else item
    return raw.reshape(given.shape)


def _objects(value: Any) -> Array:
    # lists within lists become axes; NumPy would take bytes and str for sequences as well
    return np.array(value, dtype=object) if not isinstance(value, str | bytes) else np.array([value], dtype=object)
