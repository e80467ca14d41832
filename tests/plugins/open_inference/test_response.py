from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield import Array, Datatype, Response, Signature
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.datatypes import KINDS
from jackfield_plugins.open_inference.json_data import from_json
from jackfield_plugins.open_inference.json_output import LARGE
from jackfield_plugins.open_inference.outputs import Form, Wanted
from jackfield_plugins.open_inference.response import Encoded, encode
from tests.plugins.open_inference.arrays import IN_JSON, arrays, same
from tests.plugins.open_inference.stub import spec

JSON, BINARY = Form(False), Form(True)


def encoded(datatype: Datatype, wanted: Wanted, *outputs: Array, **more: Any) -> Encoded:
    specs = tuple(spec(f"y{number}", datatype, -1) for number in range(len(outputs)))
    response = Response(
        {spec.name: array for spec, array in zip(specs, outputs, strict=True)}, more.get("parameters", {})
    )
    return encode("m", "3", more.get("identity", ""), response, Signature((), specs), wanted, more.get("labels", {}))


@given(st.data())
@pytest.mark.parametrize("datatype", IN_JSON)
def test_json_goes_round(datatype: Datatype, data: st.DataObject) -> None:
    array = data.draw(arrays(datatype, text=True))
    body, header = encoded(datatype, Wanted({}, JSON), array)
    assert header is None
    (output,) = orjson.loads(body)["outputs"]
    assert output["datatype"] == datatype
    assert not any(isinstance(element, list) for element in output["data"])
    shape = tuple(output["shape"])
    assert same(from_json("x", KINDS[datatype], shape, array.size, orjson.dumps(output["data"])), array)


def test_the_fields_of_a_response() -> None:
    body, _ = encoded(Datatype.INT8, Wanted({}, JSON), np.array([1], np.int8), identity="7", parameters={"a": 1})
    assert orjson.loads(body) == {
        "model_name": "m",
        "model_version": "3",
        "id": "7",
        "parameters": {"a": 1},
        "outputs": [{"name": "y0", "datatype": "INT8", "shape": [1], "data": [1]}],
    }


def test_json_and_binary_mix() -> None:
    first, second, third = (np.full((2,), number, np.float32) for number in range(3))
    body, header = encoded(Datatype.FP32, Wanted({"y0": BINARY, "y1": JSON, "y2": BINARY}, JSON), first, second, third)
    assert header is not None
    outputs = orjson.loads(body[:header])["outputs"]
    assert [output.get("parameters") for output in outputs] == [{"binary_data_size": 8}, None, {"binary_data_size": 8}]
    assert outputs[1]["data"] == [1.0, 1.0]
    assert body[header:] == first.tobytes() + third.tobytes()


def test_part_of_a_batch_that_is_not_contiguous() -> None:
    batch = np.arange(6, dtype=np.int32).reshape(3, 2)
    body, _ = encoded(Datatype.INT32, Wanted({}, JSON), batch[:, 1:])
    assert orjson.loads(body)["outputs"][0]["data"] == [1, 3, 5]
    body, header = encoded(Datatype.INT32, Wanted({}, BINARY), batch[:, 1:])
    assert np.frombuffer(body[header:], np.int32).tolist() == [1, 3, 5]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_json_cannot_express_is_refused_with_the_way_out(value: float) -> None:
    array = np.array([1, value], np.float32)
    with pytest.raises(InvalidRequest, match=r"output 'y1' has NaN or infinite elements.*ask for it as binary data"):
        encoded(Datatype.FP32, Wanted({"y0": BINARY}, JSON), array, array)
    encoded(Datatype.FP32, Wanted({}, BINARY), array)


def test_the_word_null_in_a_name_is_no_nan() -> None:
    body, _ = encoded(Datatype.FP32, Wanted({}, JSON), np.array([1], np.float32), identity="null")
    assert orjson.loads(body)["id"] == "null"


def test_bytes_that_are_not_text_are_refused_as_json() -> None:
    with pytest.raises(InvalidRequest, match=r"output 'y0' has elements that are not UTF-8 text"):
        encoded(Datatype.BYTES, Wanted({}, JSON), np.array([b"\xff"], object))


@pytest.mark.parametrize("size", [LARGE, LARGE + 1, 3 * LARGE])
def test_large_outputs_are_encoded_in_pieces(size: int) -> None:
    array = np.arange(size, dtype=np.int64)
    body, _ = encoded(Datatype.INT64, Wanted({}, JSON), array)
    assert orjson.loads(body)["outputs"][0]["data"] == array.tolist()


def test_classes_are_texts_in_json_or_binary() -> None:
    array = np.array([[0.1, 0.7, 0.2]], np.float32)
    labels = {"y0": ("a", "b", "c")}
    body, _ = encoded(Datatype.FP32, Wanted({"y0": Form(False, 2)}, JSON), array, labels=labels)
    expected = {"name": "y0", "datatype": "BYTES", "shape": [1, 2], "data": ["0.700000:1:b", "0.200000:2:c"]}
    assert orjson.loads(body)["outputs"] == [expected]
    body, header = encoded(Datatype.FP32, Wanted({"y0": Form(True, 1)}, JSON), array)
    assert body[header:] == b"\x0a\x00\x00\x000.700000:1"
