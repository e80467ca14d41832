"""Large arrays of numbers in JSON, decoded piece by piece.

Decoding holds the interpreter's lock for as long as one call lasts. On a thread of its own, pieces of bounded size let
the event loop run in between, and keep the Python objects of one piece in memory, not those of the whole array.
"""

from __future__ import annotations

from math import prod

from jackfield_plugins.open_inference.datatypes import Kind
from jackfield_plugins.open_inference.pieces import Fault, elements_of, packed

CHUNK = 64 * 1024
"""Bytes of text that are decoded in one go."""


def pack_large(kind: Kind, shape: tuple[int, ...], text: bytes, depth: int) -> bytearray:
    """The elements in `text`, packed. `shape` has `depth` axes. Raises Fault if it does not hold what `shape` says."""
    packer = _Packer(kind, prod(shape))
    # it is valid JSON, and without strings if its pieces decode: white space means nothing in it
    packer.add(text.translate(None, b" \t\r\n"), shape, depth)
    return packer.out


class _Packer:
    """Fills `out` from the front."""

    def __init__(self, kind: Kind, count: int) -> None:
        self.out = bytearray(count * kind.itemsize)
        self._kind = kind
        self._position = 0

    def add(self, text: bytes, shape: tuple[int, ...], depth: int) -> None:
        """Add what is in `text`, brackets included."""
        if depth > 1 and shape[0] == 1:
            self.add(text[1:-1], shape[1:], depth - 1)
            return
        before = self._position
        between = b"]" * (depth - 1) + b"," + b"[" * (depth - 1)
        start, end = 1, len(text) - 1
        while start < end:
            stop = text.find(between, start + CHUNK, end)
            stop = end if stop < 0 else stop + depth - 1
            self._add_rows(text[start:stop], shape, depth, between)
            start = stop + 1
        if self._position - before != prod(shape) * self._kind.itemsize:
            raise Fault("an axis has another length than in its shape")

    def _add_rows(self, text: bytes, shape: tuple[int, ...], depth: int, between: bytes) -> None:
        if depth > 1 and len(text) > 4 * CHUNK and between not in text:  # one long row
            self.add(text, shape[1:], depth - 1)
            return
        try:
            content = packed(self._kind, elements_of(self._kind, depth, shape[1:], b"[" + text + b"]"))
        except Fault as fault:
            if fault.position is not None:
                fault.position += self._position // self._kind.itemsize
            raise
        stop = self._position + len(content)
        if stop > len(self.out):
            raise Fault("an axis has another length than in its shape")
        self.out[self._position : stop] = content
        self._position = stop
