from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield import Array, Datatype
from jackfield.errors import ExecutionFailed, InvalidRequest
from jackfield_plugins.open_inference.binary import from_binary, to_binary
from jackfield_plugins.open_inference.datatypes import KINDS
from tests.plugins.open_inference.arrays import arrays, same


def read(datatype: str, shape: tuple[int, ...], content: bytes) -> Array:
    body = b"?" + content + b"??"
    return from_binary("x", KINDS[datatype], shape, prod(shape), body, 1, len(content))


@given(st.data())
@pytest.mark.parametrize("datatype", Datatype)
def test_every_datatype_goes_round(datatype: Datatype, data: st.DataObject) -> None:
    array = data.draw(arrays(datatype))
    wire = to_binary(array)
    content = b"".join([wire])
    assert wire.nbytes == len(content)
    assert same(read(datatype, array.shape, content), array)


def test_numbers_are_read_without_a_copy() -> None:
    body = np.arange(4, dtype=np.float32).tobytes()
    array = from_binary("x", KINDS["FP32"], (2, 2), 4, body, 0, 16)
    assert not array.flags.owndata
    assert not array.flags.writeable


def test_contiguous_outputs_are_written_without_a_copy() -> None:
    batch = np.arange(8, dtype=np.float32).reshape(4, 2)
    assert to_binary(batch[1:3]) is not None
    assert np.shares_memory(to_binary(batch[1:3]), batch)
    assert b"".join([to_binary(batch[:, 1:])]) == batch[:, 1:].tobytes()


def test_texts_of_a_model_are_utf8() -> None:
    array = np.array(["é", b"\x00"], object)
    assert b"".join([to_binary(array)]) == b"\x02\x00\x00\x00\xc3\xa9\x01\x00\x00\x00\x00"


def test_a_model_that_gives_no_bytes_is_at_fault() -> None:
    with pytest.raises(ExecutionFailed, match="gave an element of type int in a BYTES output"):
        to_binary(np.array([1], object))


@pytest.mark.parametrize(
    ("datatype", "shape", "content", "says"),
    [
        ("FP32", (2,), b"1234567", "its shape [2] is 8 bytes of FP32, but 'binary_data_size' is 7"),
        ("FP32", (0,), b"1", "its shape [0] is 0 bytes of FP32, but 'binary_data_size' is 1"),
        ("BOOL", (2,), b"\x01\x02", "the bytes of BOOL elements must be 0 or 1"),
        ("BYTES", (2,), b"\x00\x00\x00\x00", "is 2 elements of BYTES, which 4 bytes cannot hold"),
        ("BYTES", (2,), b"\x02\x00\x00\x00ab..", "ends before element 1"),
        ("BYTES", (1,), b"\x05\x00\x00\x00ab", "element 0: its length of 5 bytes is beyond the end"),
        ("BYTES", (1,), b"\xff\xff\xff\xffab", "element 0: its length of 4294967295 bytes is beyond the end"),
        ("BYTES", (1,), b"\x00\x00\x00\x00ab", "2 bytes are left over after its 1 elements"),
        ("BYTES", (0,), b"\x00", "1 bytes are left over after its 0 elements"),
        ("BYTES", (10**12,), b"\x00" * 100, "which 100 bytes cannot hold"),
    ],
)
def test_what_does_not_fit_is_refused(datatype: str, shape: tuple[int, ...], content: bytes, says: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read(datatype, shape, content)
    assert says in str(raised.value)
    assert str(raised.value).startswith("input 'x'")
