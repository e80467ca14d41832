"""What callers in this process give as tensors: arrays, or what NumPy makes arrays of."""

from __future__ import annotations

from typing import Any

import numpy as np

from jackfield.errors import InvalidRequest
from jackfield.types import Array, Datatype, TensorSpec


def array_of(name: str, value: Any, spec: TensorSpec | None) -> Array:
    """`value` as the array of input `name`. One that is an array already stays as it is, for the request's check to
    refuse if it does not fit; all else is made one of the datatype that `spec` says, if no value changes by that.

    `spec`: None for an input that the signature does not have, which the check refuses, too. Raises InvalidRequest.
    """
    if isinstance(value, np.ndarray) and spec is not None and value.dtype == spec.datatype.numpy:
        return value
    try:
        array = np.asarray(value)
        if array.dtype.name == "bfloat16":
            return array.view(np.uint16)
        if spec is None:
            return array
        given = isinstance(value, np.ndarray)
        if spec.datatype is Datatype.BYTES:  # as objects: NumPy's own text arrays drop NULs at the end
            return _bytes(array if given else np.asarray(value, dtype=object))
        if given:
            return array  # an array of another datatype is a mistake, which the check names
        if array.size and array.dtype.kind == "f" and spec.datatype.numpy.kind in "iub":
            raise ValueError(f"expected datatype {spec.datatype}, got numbers with a fraction")
        return np.asarray(value, dtype=spec.datatype.numpy)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidRequest(f"input '{name}' is not a tensor: {error}") from error


def _bytes(array: Array) -> Array:
    out = np.empty(array.shape, dtype=object)
    flat = [item if isinstance(item, bytes) else str(item).encode() for item in array.ravel().tolist()]
    out.reshape(-1)[:] = flat
    return out
