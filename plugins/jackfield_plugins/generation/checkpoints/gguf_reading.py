"""The primitives of a GGUF file, read from mapped bytes, none beyond their end."""

from __future__ import annotations

import struct
from typing import Any

from jackfield import Array

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""What the numbers of value types mean, as struct says it; 8 is a text and 9 a list."""
_TEXT, _LIST = 8, 9
_DEEPEST = 4


class Reading:
    """Reads `data` from `at` on. Every method raises ValueError, with a clause, where the file ends too early."""

    def __init__(self, data: Array) -> None:
        self._data = memoryview(data.data)
        self.at = 0

    def number(self, form: str) -> Any:
        """One number of the struct format `form`."""
        size = struct.calcsize(form)
        self._need(size)
        (value,) = struct.unpack_from(form, self._data, self.at)
        self.at += size
        return value

    def count(self, least: int) -> int:
        """A 64-bit count of things of at least `least` bytes each, which must fit into what is left of the file."""
        count: int = self.number("<Q")
        self._need(count * least)
        return count

    def text(self) -> str:
        """A length and so many bytes of UTF-8."""
        length = self.count(1)
        value = bytes(self._data[self.at : self.at + length]).decode()
        self.at += length
        return value

    def value(self, kind: int | None = None, depth: int = 0) -> Any:
        """A value of the type numbered `kind`, or of the type that stands before it."""
        if kind is None:
            kind = self.number("<I")
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _TEXT:
            return self.text()
        if kind != _LIST:
            raise ValueError(f"a value has the unknown type {kind}")
        if depth == _DEEPEST:
            raise ValueError("lists are nested too deeply")
        return self._list(self.number("<I"), depth)

    def _list(self, kind: int, depth: int) -> Any:
        form = _SCALARS.get(kind)
        if form is None:
            # a text has at least its length, a list its type and its length
            return [self.value(kind, depth + 1) for _ in range(self.count(8 if kind == _TEXT else 12))]
        size = struct.calcsize(form)
        count = self.count(size)
        values = struct.unpack_from(f"<{count}{form[1]}", self._data, self.at)
        self.at += count * size
        return list(values)

    def _need(self, size: int) -> None:
        if size > len(self._data) - self.at:
            raise ValueError(f"it ends at byte {len(self._data)}, and {size} bytes are needed from byte {self.at} on")
