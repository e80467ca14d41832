"""Weights of a specification handed to the native library, laid out for its kernels."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from jackfield import Array
from jackfield.errors import LoadError
from jackfield_plugins.generation.native.library import Library, Raw
from jackfield_plugins.generation.spec import Linear, Weight

# GGUF's numbers of its types, and those of plain tensors
NUMBERS = {"F32": 0, "F16": 1, "BF16": 30, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8}
NUMBERS |= {"Q2_K": 10, "Q3_K": 11, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14}
PLAIN = ("F32", "F16", "BF16")
AS_STORED, AS_FULL, AS_HALF, AS_INT8 = range(4)
_BEYOND = {AS_HALF: (65520.0, "float16"), AS_INT8: (65504.0 * 127, "int8, whose scales are float16")}
"""By storage, from where on numbers are refused, and whose range that is."""
_AT_ONCE = 1 << 18
"""Numbers that are looked at together, so that they stay in a cache."""


def address(array: Array | None) -> int | None:
    """Where the array's data begins; none for none."""
    return None if array is None else array.ctypes.data


def readable(weight: Weight) -> Weight:
    """The weight, or the same dequantised to F32 where its quantisation is none that the library computes with."""
    if weight.stored in NUMBERS:
        return weight
    from gguf import GGMLQuantizationType, dequantize

    floats = dequantize(weight.data, GGMLQuantizationType[weight.stored]).astype(np.float32, copy=False)
    data = np.ascontiguousarray(floats).view(np.uint8).reshape(*weight.shape[:-1], -1)
    return Weight(weight.name, weight.shape, "F32", data)


def raw(weight: Weight) -> Raw:
    """The library's view of a matrix [outputs, inputs]; `weight` must stay alive. Rows may have any distance."""
    data = weight.data
    if data.strides[-1] != 1:
        raise LoadError(f"weight {weight.name} has bytes {data.strides[-1]} apart; they must lie together")
    return Raw(data.ctypes.data, data.strides[0], NUMBERS[weight.stored], weight.shape[0], weight.shape[1])


def vector(weight: Weight | None, library: Library) -> Array | None:
    """A vector as float32, whatever it is stored in."""
    if weight is None:
        return None
    flat = np.ascontiguousarray(readable(weight).data).reshape(-1)
    out = np.empty(weight.shape[0], np.float32)
    library.floats(NUMBERS[readable(weight).stored], flat.ctypes.data, weight.shape[0], out.ctypes.data)
    return out


def check_range(weight: Weight, storage: int, library: Library) -> None:
    """Raise LoadError for numbers that `storage` cannot have: those that would become infinite, though halves stay
    halves; for int8 also what is not a number."""
    if storage not in _BEYOND or (storage == AS_HALF and weight.stored in ("F16", "BF16")):
        return
    beyond, whose = _BEYOND[storage]
    outputs, inputs = weight.shape
    rows = max(_AT_ONCE // inputs, 1)
    numbers = np.empty(rows * inputs, np.float32)
    for first in range(0, outputs, rows):
        part = np.ascontiguousarray(weight.data[first : first + rows])
        found = numbers[: len(part) * inputs]
        library.floats(NUMBERS[weight.stored], part.ctypes.data, len(found), found.ctypes.data)
        np.abs(found, out=found)
        if (found >= beyond).any() or (storage == AS_INT8 and np.isnan(found).any()):
            raise LoadError(f"tensor '{weight.name}' holds numbers beyond the range of {whose}: store it as fp32")


def joined(library: Library, parts: Sequence[Linear], storage: int, integer: bool) -> Any:
    """A handle of linears that share their input, laid out anew. The caller frees it, or gives it to a decoder.
    Raises MemoryError, and LoadError for inputs that the quantisation or numbers that the storage cannot have."""
    weights = [readable(part.weight) for part in parts]
    for weight in weights:
        multiple = library.multiple(NUMBERS[weight.stored])
        if weight.shape[1] % multiple:
            raise LoadError(
                f"weight {weight.name} has {weight.shape[1]} inputs; {weight.stored} needs a multiple of {multiple}"
            )
        check_range(weight, storage, library)
    raws = (Raw * len(parts))(*map(raw, weights))
    biases = [vector(part.bias, library) for part in parts]
    pointers = (ctypes.c_void_p * len(parts))(*map(address, biases))
    handle = library.linear_new(raws, pointers, len(parts), storage, int(integer))
    if not handle:
        raise MemoryError(f"weight {weights[0].name} cannot be laid out: {library.said()}")
    return handle
