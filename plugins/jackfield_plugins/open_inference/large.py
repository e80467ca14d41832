"""Large arrays of numbers in JSON, decoded piece by piece.

Decoding holds the interpreter's lock for as long as one call lasts. On a thread of its own, pieces of bounded size let
the event loop run in between, and keep the Python objects of one piece in memory, not those of the whole array.
"""

from __future__ import annotations

import struct
from itertools import chain
from typing import Any

from jackfield_plugins.open_inference.datatypes import Kind, decoder

CHUNK = 64 * 1024
"""Bytes of text that are decoded in one go."""


def pack_large(kind: Kind, shape: tuple[int, ...], count: int, text: bytes, depth: int) -> bytearray:
    """The elements in `text`, packed. Raises ValueError (of which msgspec's errors are), OverflowError or struct.error if
    it does not hold what `shape` says; then which element it is must be found out elsewhere."""
    packer = _Packer(kind, count)
    # the text is known to be valid JSON without strings once its pieces decode, so that white space means nothing
    packer.add(text.translate(None, b" \t\r\n"), shape if depth > 1 else (count,), depth)
    if packer.position != len(packer.out):
        raise ValueError("it has fewer elements than its shape says")
    return packer.out


class _Packer:
    """Fills `out` from the front."""

    def __init__(self, kind: Kind, count: int) -> None:
        assert kind.element is not None
        self.out = bytearray(count * kind.itemsize)
        self.position = 0
        self._element = kind.element
        self._code = kind.code
        self._itemsize = kind.itemsize

    def add(self, text: bytes, shape: tuple[int, ...], depth: int) -> None:
        """Add what is in `text`, brackets included."""
        if depth > 1 and shape[0] == 1:
            self.add(text[1:-1], shape[1:], depth - 1)
            return
        rows = 0
        between = b"]" * (depth - 1) + b"," + b"[" * (depth - 1)
        start, end = 1, len(text) - 1
        while start < end:
            stop = text.find(between, start + CHUNK, end)
            stop = end if stop < 0 else stop + depth - 1
            rows += self._piece(text[start:stop], shape, depth, between)
            start = stop + 1
        if rows != shape[0]:
            raise ValueError(f"axis has length {rows}, its shape says {shape[0]}")

    def _piece(self, text: bytes, shape: tuple[int, ...], depth: int, between: bytes) -> int:
        """Some rows; returns how many."""
        if depth > 1 and len(text) > 4 * CHUNK and between not in text:
            self.add(text, shape[1:], depth - 1)
            return 1
        rows: list[Any] = decoder(self._element, depth).decode(b"[" + text + b"]")
        elements = rows
        for length in shape[1:]:
            if any(len(row) != length for row in elements):
                raise ValueError(f"an axis has another length than {length}, which its shape says")
            elements = list(chain.from_iterable(elements))
        size = len(elements) * self._itemsize
        if self.position + size > len(self.out):
            raise ValueError("it has more elements than its shape says")
        struct.pack_into(f"<{len(elements)}{self._code}", self.out, self.position, *elements)
        self.position += size
        return len(rows)
