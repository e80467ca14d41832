from __future__ import annotations

import json
import time
from math import prod
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield import Array, Datatype
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.datatypes import KINDS
from jackfield_plugins.open_inference.json_data import from_json, nesting
from tests.plugins.open_inference.arrays import IN_JSON, arrays, same


def read(datatype: str, shape: tuple[int, ...], data: Any) -> Array:
    text = data if isinstance(data, bytes) else orjson.dumps(data)
    return from_json("x", KINDS[datatype], shape, prod(shape), text)


def plain(array: Array) -> Any:
    """As nested lists that JSON can express."""
    if array.dtype == object:
        return np.vectorize(bytes.decode, otypes=[object])(array).tolist() if array.size else array.tolist()
    return array.tolist()


@given(st.data())
@pytest.mark.parametrize("datatype", IN_JSON)
@pytest.mark.parametrize("flat", [True, False])
def test_every_datatype_goes_round(flat: bool, datatype: Datatype, data: st.DataObject) -> None:
    array = data.draw(arrays(datatype, text=True))
    content = plain(array.reshape(-1)) if flat or array.ndim == 0 else plain(array)
    indent = data.draw(st.sampled_from([None, 1]))
    text = json.dumps(content, ensure_ascii=data.draw(st.booleans()), indent=indent).encode()
    assert same(read(datatype, array.shape, text), array)


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "says"),
    [
        ("INT32", (3,), [1, 2.5, 3], "input 'x', element [1]: expected INT32, got float"),
        ("INT32", (3,), b"[1, 2.0, 3]", "input 'x', element [1]: expected INT32, got float"),
        ("INT32", (1, 2), [[1, True]], "input 'x', element [0][1]: expected INT32, got bool"),
        ("FP32", (2,), [1, True], "input 'x', element [1]: expected FP32, got bool"),
        ("FP32", (2,), ["1", 2], "input 'x', element [0]: expected FP32, got str"),
        ("FP32", (2,), [1, None], "input 'x', element [1]: expected FP32, got null"),
        ("FP32", (2,), [1, 1e39], "input 'x', element [1]: 1e+39 is out of range for FP32"),
        ("FP64", (2,), b"[1,1e400]", "input 'x', element [1]: Number out of range"),
        ("BOOL", (2,), [True, 1], "input 'x', element [1]: expected BOOL, got int"),
        ("INT8", (2, 2), [[1, 2], [3, 128]], "input 'x', element [1][1]: 128 is out of range for INT8"),
        ("INT8", (2, 2), [1, 2, 3, -129], "input 'x', element [3]: -129 is out of range for INT8"),
        ("UINT64", (1,), [-1], "input 'x', element [0]: -1 is out of range for UINT64"),
        ("UINT64", (1,), b"[18446744073709551616]", "is out of range for UINT64"),
        ("INT64", (1,), b"[" + b"9" * 5000 + b"]", "input 'x', element [0]: "),
        ("INT32", (4,), [1, 2, 3], "input 'x': its shape [4] is 4 elements, but its data has 3"),
        ("INT32", (1,), [], "input 'x': its shape [1] is 1 elements, but its data has 0"),
        ("INT32", (0,), [1], "input 'x': its shape [0] is 0 elements, but its data has some"),
        ("INT32", (2, 2), [[1, 2, 3], [4]], "input 'x': axis 1 has length 3 somewhere, and 2 in its shape"),
        ("INT32", (2, 2), [[[1, 2, 3, 4]]], "is nested 3 deep, but its shape [2, 2] has 2 axes"),
        ("INT32", (2, 2), [1, [2, 3], 4], "input 'x', element [1]: expected INT32, got array"),
        ("INT32", (2, 2), [[1, 2], 3, 4], "expected INT32, got int"),
        ("INT32", (), b"5", "input 'x': its data must be an array"),
        ("INT32", (1,), b"null", "input 'x': its data must be an array"),
        ("INT32", (1,), {"a": 1}, "input 'x': its data must be an array"),
        ("BYTES", (2,), ["a"], "input 'x': its shape [2] is 2 elements, but its data has 1"),
        ("BYTES", (1,), ["a", "b"], "input 'x': its shape [1] is 1 elements, but its data has 2"),
        ("BYTES", (1,), [1], "input 'x', element [0]: expected BYTES, got int"),
        ("BYTES", (1,), b'["\xff"]', "input 'x': it has text that is not UTF-8"),
        ("FP16", (1,), [1.0], "input 'x': FP16 has no JSON form: send it as binary data"),
        ("BF16", (1,), [1.0], "input 'x': BF16 has no JSON form: send it as binary data"),
    ],
)
def test_what_is_wrong_names_input_and_element(datatype: str, shape: tuple[int, ...], data: Any, says: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read(datatype, shape, data)
    assert says in str(raised.value)
    assert len(str(raised.value)) < 300


def test_commas_within_texts_do_not_count() -> None:
    assert read("BYTES", (2,), ["a,b", "[,"]).tolist() == [b"a,b", b"[,"]


def test_whole_numbers_are_fine_as_floats() -> None:
    assert read("FP32", (2,), [1, -2]).tolist() == [1.0, -2.0]


def test_arrays_are_read_only() -> None:
    assert not read("FP32", (1,), [1.0]).flags.writeable


def test_axes_that_no_array_has_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="has an axis that is too long"):
        read("FP32", (0, 2**63 - 1), [])


def test_absurd_arrays_are_refused_before_they_are_decoded() -> None:
    text = b"[" + b"0," * 10_000_000 + b"0]"
    began = time.perf_counter()
    with pytest.raises(InvalidRequest, match="but its data has 10000001"):
        read("INT32", (3,), text)
    assert time.perf_counter() - began < 0.5  # decoding would take longer, and a gigabyte


def test_nesting_is_counted_through_white_space() -> None:
    assert nesting(b"[ [\n[1]]]") == 3
    assert nesting(b"1") == 0
    assert nesting(b"[") == 1
