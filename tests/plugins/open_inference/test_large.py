from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield import Array
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference import large
from jackfield_plugins.open_inference.datatypes import KINDS
from jackfield_plugins.open_inference.json_data import from_json


def read(datatype: str, shape: tuple[int, ...], data: Any) -> Array:
    return from_json("x", KINDS[datatype], shape, int(np.prod(shape)), json.dumps(data).encode())


@pytest.mark.parametrize(
    "shape", [(200_000,), (1, 3, 100, 400), (3, 100, 400), (60_000, 2), (2, 60_000), (1, 1, 100_000), (100_000, 1, 1)]
)
@pytest.mark.parametrize("flat", [True, False])
def test_large_arrays_come_out_as_they_went_in(shape: tuple[int, ...], flat: bool) -> None:
    array = np.random.default_rng(0).integers(-(2**31), 2**31, shape, np.int32)
    given = read("INT32", shape, array.ravel().tolist() if flat else array.tolist())
    assert given.shape == shape
    assert (given == array).all()
    assert not given.flags.writeable


@pytest.mark.parametrize("flat", [True, False])
def test_the_element_at_fault_is_named_wherever_it_is(flat: bool) -> None:
    shape = (3, 20_000, 2)
    array = np.zeros(shape, np.int64)
    array[2, 12_345, 1] = 300
    place = "[104691]" if flat else "[2][12345][1]"
    content: Any = array.ravel().tolist() if flat else array.tolist()
    with pytest.raises(InvalidRequest, match="out of range") as raised:
        read("INT8", shape, content)
    assert str(raised.value) == f"input 'x', element {place}: 300 is out of range for INT8"
    index = 104_691
    if flat:
        content[index] = True
    else:
        content[2][12_345][1] = True
    with pytest.raises(InvalidRequest) as raised:
        read("INT32", shape, content)
    assert str(raised.value) == f"input 'x', element {place}: expected INT32, got bool"


def test_rows_of_another_length_are_refused() -> None:
    rows = [[0] * 2 for _ in range(60_000)]
    rows[50_000], rows[50_001] = [0] * 3, [0]
    with pytest.raises(InvalidRequest, match="axis 1 has length 3 somewhere"):
        read("INT32", (60_000, 2), rows)
    with pytest.raises(InvalidRequest, match="axis 1 has length 60001 somewhere"):
        read("INT32", (2, 60_000), [[0] * 60_001, [0] * 59_999])


@given(st.data())
@settings(max_examples=200)
def test_pieces_make_no_difference(data: st.DataObject) -> None:
    """Whatever nested lists come, cutting them up gives the same array, or refuses all the same."""
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    row: st.SearchStrategy[Any] = st.integers(-200, 200)
    for length in reversed(shape):
        slack = data.draw(st.sampled_from([0, 0, 0, 1]))
        row = st.lists(row, min_size=max(length - slack, 0), max_size=length + slack)
    content = data.draw(row)
    with pytest.MonkeyPatch.context() as patch:
        outcomes = []
        for chunk in (10**9, 4):
            patch.setattr(large, "CHUNK", chunk)
            patch.setattr("jackfield_plugins.open_inference.json_data.CHUNK", chunk)
            try:
                outcomes.append(read("INT8", shape, content).tolist())
            except InvalidRequest:
                outcomes.append(None)
    assert outcomes[0] == outcomes[1]
