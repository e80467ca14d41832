"""Arrays on their way: small ones within the message, large ones beside it, which Ray's object store hands over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jackfield import Array

from jackfield_ray.messages import Tensor

_INLINE = 16 * 1024
"""Bytes up to which a copy more is cheaper than an object of Ray's."""


def packed(arrays: Mapping[str, Array], beside: list[Array]) -> dict[str, Tensor]:
    """`arrays`; large ones are appended to `beside`, contiguous, and copied only if they were not."""
    return {name: _packed(array, beside) for name, array in arrays.items()}


def unpacked(tensors: Mapping[str, Tensor], beside: Sequence[Array]) -> dict[str, Array]:
    """The arrays again, read-only; those beside the message lie where Ray has put them."""
    return {name: _unpacked(tensor, beside) for name, tensor in tensors.items()}


def _packed(array: Array, beside: list[Array]) -> Tensor:
    if array.dtype == object:
        return Tensor("object", array.shape, texts=[bytes(item) for item in array.ravel().tolist()])
    if array.nbytes > _INLINE:
        beside.append(np.ascontiguousarray(array))
        return Tensor(array.dtype.str, array.shape, place=len(beside) - 1)
    return Tensor(array.dtype.str, array.shape, array.tobytes())


def _unpacked(tensor: Tensor, beside: Sequence[Array]) -> Array:
    if tensor.texts is not None:
        out = np.empty(len(tensor.texts), object)
        out[:] = tensor.texts
        return out.reshape(tensor.shape)
    if tensor.data is not None:
        return np.frombuffer(tensor.data, np.dtype(tensor.dtype)).reshape(tensor.shape)
    return beside[tensor.place].reshape(tensor.shape)
