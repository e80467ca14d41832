"""An input's `data` in JSON, as an array. A tensor's elements may come flat or nested, row-major."""

from __future__ import annotations

import re
import struct
from itertools import chain
from typing import Any

import numpy as np

from jackfield import Array
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.datatypes import KINDS, Kind, decoder
from jackfield_plugins.open_inference.large import CHUNK, pack_large
from jackfield_plugins.open_inference.texts import shown

_AT = re.compile(r" - at `\$((?:\[\d+\])*)`$")
_GOT = re.compile(r"got `(\w+)`")
_BYTES = KINDS["BYTES"]


def from_json(name: str, kind: Kind, shape: tuple[int, ...], count: int, text: bytes) -> Array:
    """The array that `text` describes: valid JSON, whose elements are not looked at yet. `count` is the product of `shape`.

    Raises InvalidRequest naming input and element. That there are as many elements as the shape says is found out
    before any is decoded, however many there are.
    """
    element = kind.element
    if element is None:
        raise InvalidRequest(
            f"input '{shown(name)}': {kind.name} has no JSON form: send it as binary data ('binary_data_size')"
        )
    depth = nesting(text)
    if depth != 1 and depth != len(shape):
        raise InvalidRequest(_wrong_nesting(name, shape, depth))
    if count == 0:
        return _nothing(name, kind, shape, text)
    commas = text.count(b",")
    if commas != count - 1 and (kind is not _BYTES or commas < count - 1):  # commas may stand in a text, too
        raise _wrong_count(name, shape, count, commas + 1)
    try:
        if len(text) > CHUNK and kind is not _BYTES:
            return np.ndarray(shape, kind.dtype, pack_large(kind, shape, count, text, depth))
        elements = decoder(element, depth).decode(text)
        if depth > 1:
            elements = flattened(elements, shape)
        if len(elements) != count:
            raise _wrong_count(name, shape, count, len(elements))
        if kind is _BYTES:
            return _of_texts(elements, shape)
        return np.ndarray(shape, kind.dtype, struct.pack(f"<{count}{kind.code}", *elements))
    except (ValueError, OverflowError, struct.error) as error:
        raise InvalidRequest(_explained(name, kind, shape, depth, text, error)) from None


def nesting(text: bytes) -> int:
    """How many brackets `text` opens with."""
    depth = 0
    for byte in text:
        if byte == 0x5B:
            depth += 1
        elif byte not in b" \t\r\n":
            break
    return depth


def flattened(nested: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """The elements of `nested`, row-major; raises ValueError where it does not have `shape`."""
    if len(nested) != shape[0]:
        raise ValueError(f"axis 0 has length {len(nested)}, its shape says {shape[0]}")
    rows: list[Any] = nested
    for axis, length in enumerate(shape[1:], 1):
        for row in rows:
            if len(row) != length:
                raise ValueError(f"axis {axis} has length {len(row)} somewhere, its shape says {length}")
        rows = rows[0] if len(rows) == 1 else list(chain.from_iterable(rows))
    return rows


def _nothing(name: str, kind: Kind, shape: tuple[int, ...], text: bytes) -> Array:
    if text.translate(None, b"[], \t\r\n"):
        raise InvalidRequest(f"input '{shown(name)}' has shape {list(shape)}, which is no elements, but its data has some")
    return empty(name, kind, shape)


def empty(name: str, kind: Kind, shape: tuple[int, ...]) -> Array:
    """An array without elements; raises InvalidRequest for axes that no array has."""
    try:
        return np.empty(shape, kind.dtype)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"input '{shown(name)}' has a shape with an axis that is too long") from None


def _of_texts(elements: list[str], shape: tuple[int, ...]) -> Array:
    array = np.empty(len(elements), object)
    array[:] = [text.encode() for text in elements]
    return array.reshape(shape)


def _wrong_nesting(name: str, shape: tuple[int, ...], depth: int) -> str:
    if depth == 0:
        return f"input '{shown(name)}': its data must be an array"
    return f"input '{shown(name)}': its data is nested {depth} deep, and its shape {list(shape)} has {len(shape)} axes"


def _wrong_count(name: str, shape: tuple[int, ...], count: int, got: int) -> InvalidRequest:
    return InvalidRequest(
        f"input '{shown(name)}': its shape {list(shape)} is {count} elements, but its data has {got}"
    )


def _explained(name: str, kind: Kind, shape: tuple[int, ...], depth: int, text: bytes, error: Exception) -> str:
    """What is wrong, and with which element. Decodes once more, in the one request that is wrong."""
    where, said = f"input '{shown(name)}'", str(error)
    at = _AT.search(said)
    got = _GOT.search(said)
    if at is None and kind.element is not None and not isinstance(error, UnicodeError) and "axis" not in said:
        # from packing, or from a piece of a large array: find the element
        try:
            elements = decoder(kind.element, depth).decode(text)
            elements = flattened(elements, shape) if depth > 1 else elements
        except (ValueError, OverflowError) as again:
            return said if str(again) == said else _explained(name, kind, shape, depth, text, again)
        for position, element in enumerate(elements):
            try:
                struct.pack(f"<{kind.code}", element)
            except (OverflowError, struct.error):
                index = np.unravel_index(position, shape) if depth > 1 else (position,)
                place = "".join(f"[{int(i)}]" for i in index)
                return f"{where}, element {place}: {shown(str(element), 40)} is out of range for {kind.name}"
    if at is not None and got is not None:
        return f"{where}, element {at[1]}: expected {kind.name}, got {got[1]}"
    return f"{where}: its data is wrong: {shown(said, 160)}"
