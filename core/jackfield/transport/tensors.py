"""Arrays on their way: small ones within the message, large ones through the arena."""

from __future__ import annotations

import mmap
import weakref
from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from jackfield.transport.arena import Arena
from jackfield.types import Array

_INLINE = 16 * 1024
"""Bytes up to which copying twice is cheaper than keeping books of a place."""


class Tensor(msgspec.Struct, array_like=True):
    """An array: `data` holds its bytes, or it lies at `offset` of the sender's arena, or it is `texts` (BYTES)."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes | None = None
    offset: int = -1
    texts: list[bytes] | None = None


def packed(arrays: Mapping[str, Array], arena: Arena) -> dict[str, Tensor]:
    """`arrays`, with large ones copied into the arena as long as there is room."""
    return {name: _packed(array, arena) for name, array in arrays.items()}


def unpacked(tensors: Mapping[str, Tensor], memory: mmap.mmap, freed: Callable[[int], None]) -> dict[str, Array]:
    """The arrays again, read-only; those in the arena lie there, and `freed` is told of each when nobody has it any
    more, on whichever thread that is."""
    return {name: _unpacked(tensor, memory, freed) for name, tensor in tensors.items()}


def _packed(array: Array, arena: Arena) -> Tensor:
    if array.dtype == object:
        return Tensor("object", array.shape, texts=[bytes(item) for item in array.ravel().tolist()])
    size = array.nbytes
    dtype = array.dtype.str
    if size > _INLINE:
        offset = arena.take(size)
        if offset is not None:
            place = np.frombuffer(arena.memory, array.dtype, array.size, offset)
            np.copyto(place.reshape(array.shape), array)
            return Tensor(dtype, array.shape, offset=offset)
    return Tensor(dtype, array.shape, data=array.tobytes())


def _unpacked(tensor: Tensor, memory: mmap.mmap, freed: Callable[[int], None]) -> Array:
    if tensor.texts is not None:
        out = np.empty(len(tensor.texts), object)
        out[:] = tensor.texts
        return out.reshape(tensor.shape)
    dtype = np.dtype(tensor.dtype)
    if tensor.data is not None:
        return np.frombuffer(tensor.data, dtype).reshape(tensor.shape)
    count = int(np.prod(tensor.shape, dtype=np.int64))
    whole = np.frombuffer(memory, dtype, count, tensor.offset)
    weakref.finalize(whole, freed, tensor.offset).atexit = False
    return whole.reshape(tensor.shape)
