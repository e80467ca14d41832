"""An input's `data` in JSON, as an array. A tensor's elements may come flat or nested, row-major."""

from __future__ import annotations

from math import prod

import numpy as np

from jackfield import Array
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.datatypes import KINDS, Kind, decoder
from jackfield_plugins.open_inference.large import CHUNK, pack_large
from jackfield_plugins.open_inference.pieces import Fault, elements_of, packed
from jackfield_plugins.open_inference.texts import shown

_BYTES = KINDS["BYTES"]
_SMALL = 8192  # bytes of text that are decoded at once


def from_json(name: str, kind: Kind, shape: tuple[int, ...], count: int, text: bytes) -> Array:
    """The array that `text` describes: valid JSON, whose elements are not looked at yet. `count` is the product of
    `shape`.

    Raises InvalidRequest naming input and element. Whether there are as many elements as the shape says is found out
    before any is decoded, however many there are.
    """
    if len(text) <= _SMALL and kind.code:
        array = _small(kind, shape, count, text)
        if array is not None:
            return array
    if kind.element is None:
        raise InvalidRequest(
            f"input '{shown(name)}': {kind.name} has no JSON form: send it as binary data ('binary_data_size')"
        )
    depth = nesting(text)
    if count == 0 and depth:  # nested or not, and to whichever depth there is anything
        if text.translate(None, b"[], \t\r\n"):
            raise _wrong_count(name, shape, count, "some")
        return empty(name, kind, shape)
    if depth not in (1, len(shape)) or depth == 0:
        raise InvalidRequest(_wrong_nesting(name, shape, depth))
    commas = text.count(b",")
    if commas != count - 1 and (kind is not _BYTES or commas < count - 1):  # commas may stand in a text, too
        raise _wrong_count(name, shape, count, commas + 1)
    axes = shape if depth > 1 else (count,)
    try:
        if len(text) > CHUNK and kind is not _BYTES:
            large: Array = np.ndarray(shape, kind.dtype, pack_large(kind, axes, text, depth))
            large.flags.writeable = False  # as all arrays that come from here
            return large
        elements = elements_of(kind, depth, axes[1:], text)
        if len(elements) != count:
            raise _wrong_count(name, shape, count, len(elements))
        if kind is _BYTES:
            return _of_texts(elements, shape)
        return np.ndarray(shape, kind.dtype, packed(kind, elements))
    except Fault as fault:
        raise InvalidRequest(_sentence(name, axes, fault)) from None


def _small(kind: Kind, shape: tuple[int, ...], count: int, text: bytes) -> Array | None:
    """The array of a flat and faultless list; None for all others, of which more is to be said."""
    assert kind.element is not None
    try:
        elements = decoder(kind.element, 1).decode(text)
        if len(elements) == count and count:
            return np.ndarray(shape, kind.dtype, packed(kind, elements))
    except (ValueError, Fault):
        pass
    return None


def nesting(text: bytes) -> int:
    """How many brackets `text` opens with."""
    depth = 0
    for byte in text:
        if byte == 0x5B:
            depth += 1
        elif byte not in b" \t\r\n":
            break
    return depth


def empty(name: str, kind: Kind, shape: tuple[int, ...]) -> Array:
    """An array without elements; raises InvalidRequest for axes that no array has."""
    try:
        return np.empty(shape, kind.dtype)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"input '{shown(name)}': its shape has an axis that is too long") from None


def _of_texts(elements: list[str], shape: tuple[int, ...]) -> Array:
    array = np.empty(len(elements), object)
    array[:] = [text.encode() for text in elements]
    return array.reshape(shape)


def _sentence(name: str, axes: tuple[int, ...], fault: Fault) -> str:
    place = ""
    if fault.position is not None:
        index = np.unravel_index(min(fault.position, prod(axes) - 1), axes)
        place = ", element " + "".join(f"[{int(i)}]" for i in index)
    return f"input '{shown(name)}'{place}: {fault.problem}"


def _wrong_nesting(name: str, shape: tuple[int, ...], depth: int) -> str:
    if depth == 0:
        return f"input '{shown(name)}': its data must be an array"
    return f"input '{shown(name)}': its data is nested {depth} deep, but its shape {list(shape)} has {len(shape)} axes"


def _wrong_count(name: str, shape: tuple[int, ...], count: int, got: int | str) -> InvalidRequest:
    return InvalidRequest(f"input '{shown(name)}': its shape {list(shape)} is {count} elements, but its data has {got}")
