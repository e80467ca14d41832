from __future__ import annotations

import struct

import pytest

from jackfield import Datatype
from jackfield_plugins.open_inference.datatypes import KINDS, decoder


def test_there_is_one_for_each_datatype() -> None:
    assert list(KINDS) == [datatype.value for datatype in Datatype]


@pytest.mark.parametrize("datatype", Datatype)
def test_packing_fits_the_dtype(datatype: Datatype) -> None:
    kind = KINDS[datatype]
    assert kind.dtype == datatype.numpy
    assert kind.itemsize == datatype.itemsize
    if kind.code:
        assert struct.calcsize(f"<{kind.code}") == kind.itemsize


def test_decoders_are_made_once() -> None:
    assert decoder(int, 2) is decoder(int, 2)
    assert decoder(int, 2).decode(b"[[1],[2,3]]") == [[1], [2, 3]]
