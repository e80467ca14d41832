"""Messages come out whole, however the stream was cut."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.transport.frames import LONGEST, Frames, framed


@given(st.lists(st.binary(max_size=300), max_size=12), st.randoms())
def test_in_pieces_of_any_size(bodies: list[bytes], draw: object) -> None:
    stream = b"".join(framed(body) for body in bodies)
    frames, found = Frames(), list[bytes]()
    while stream:
        size = draw.randint(1, 64)  # type: ignore[attr-defined]
        found += frames.feed(stream[:size])
        stream = stream[size:]
    assert found == bodies


def test_a_length_that_cannot_be_is_an_error() -> None:
    with pytest.raises(ValueError, match="longer than"):
        list(Frames().feed(struct.pack("<I", LONGEST + 1)))
