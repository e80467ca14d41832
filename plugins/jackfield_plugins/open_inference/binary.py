"""Tensors as raw bytes: little-endian, row-major; BYTES elements are a length of four bytes and the bytes."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from jackfield import Array
from jackfield.errors import ExecutionFailed, InvalidRequest
from jackfield_plugins.open_inference.datatypes import KINDS, Kind
from jackfield_plugins.open_inference.json_data import empty
from jackfield_plugins.open_inference.texts import shown

_LENGTH = struct.Struct("<I")
_BOOL = KINDS["BOOL"]


def from_binary(name: str, kind: Kind, shape: tuple[int, ...], count: int, body: bytes, start: int, size: int) -> Array:
    """The array whose `size` bytes begin at `start` of `body`, which hold that many; a read-only view but for BYTES.

    Raises InvalidRequest if they are not `count` elements, which is the product of `shape`.
    """
    itemsize = kind.itemsize
    if itemsize == 0:
        return _elements(name, shape, count, body, start, size)
    if size != count * itemsize:
        raise InvalidRequest(
            f"input '{shown(name)}': its shape {list(shape)} is {count * itemsize} bytes of {kind.name}, "
            f"but 'binary_data_size' is {size}"
        )
    if count == 0:
        return empty(name, kind, shape)
    array: Array = np.ndarray(shape, kind.dtype, body, start)
    if kind is _BOOL and array.view(np.uint8).max() > 1:
        raise InvalidRequest(f"input '{shown(name)}': the bytes of BOOL elements must be 0 or 1")
    return array


def to_binary(array: Array) -> Any:
    """What `array` is on the wire, without a copy where it is contiguous, and its size in bytes as `nbytes`."""
    if array.dtype.kind == "O":
        return np.frombuffer(_joined(array), np.uint8)
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def as_bytes(element: object) -> bytes:
    """An element of a BYTES output; raises ExecutionFailed if it is neither bytes nor text."""
    if isinstance(element, bytes):
        return element
    if isinstance(element, str):
        return element.encode("utf-8", "surrogateescape")
    raise ExecutionFailed(f"the model gave an element of type {type(element).__name__} in a BYTES output")


def _joined(array: Array) -> bytes:
    parts = []
    pack = _LENGTH.pack
    for element in array.ravel().tolist():
        content = as_bytes(element)
        parts.append(pack(len(content)))
        parts.append(content)
    return b"".join(parts)


def _elements(name: str, shape: tuple[int, ...], count: int, body: bytes, start: int, size: int) -> Array:
    if size < 4 * count:
        raise InvalidRequest(
            f"input '{shown(name)}': its shape {list(shape)} is {count} elements of BYTES, "
            f"which {size} bytes cannot hold"
        )
    end = start + size
    elements = []
    length_at = _LENGTH.unpack_from
    for number in range(count):
        if end - start < 4:
            raise InvalidRequest(f"input '{shown(name)}': its binary data ends before element {number}")
        (length,) = length_at(body, start)
        start += 4
        if length > end - start:
            raise InvalidRequest(
                f"input '{shown(name)}', element {number}: its length of {length} bytes is beyond the end of the data"
            )
        elements.append(body[start : start + length])
        start += length
    if start != end:
        raise InvalidRequest(f"input '{shown(name)}': {end - start} bytes are left over after its {count} elements")
    if count == 0:
        return empty(name, KINDS["BYTES"], shape)
    array = np.empty(count, object)
    array[:] = elements
    return array.reshape(shape)
