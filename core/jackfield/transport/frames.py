"""Frames on a stream socket: a length of four bytes, then so many bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_LENGTH = struct.Struct("<I")
LONGEST = 1 << 30
"""Bytes of a frame; longer ones would be a mistake, and are not read."""


def framed(body: bytes) -> bytes:
    """`body` as a frame. Raises ValueError if it is too long."""
    if len(body) > LONGEST:
        raise ValueError(f"a message of {len(body)} bytes is longer than {LONGEST}")
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Puts together what arrives in pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies of the frames that are whole with `data`. Raises ValueError for one that is too long."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= 4:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > LONGEST:
                raise ValueError(f"a message of {length} bytes is longer than {LONGEST}")
            if len(buffer) - start - 4 < length:
                break
            yield bytes(memoryview(buffer)[start + 4 : start + 4 + length])
            start += 4 + length
        del buffer[:start]
