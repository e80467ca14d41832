from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield import Datatype
from jackfield.errors import InvalidRequest, Unsupported
from jackfield_plugins.open_inference.binary import to_binary
from jackfield_plugins.open_inference.outputs import Form
from jackfield_plugins.open_inference.request import decode
from tests.plugins.open_inference.arrays import arrays, same
from tests.plugins.open_inference.calling import tensor


def wire(content: Any, *tensors: bytes) -> tuple[bytes, int]:
    text = content if isinstance(content, bytes) else orjson.dumps(content)
    return text + b"".join(tensors), len(text)


def binary(name: str, datatype: str, shape: list[int], size: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}


def test_everything_that_a_request_says_is_kept() -> None:
    content = {
        "id": "7",
        "inputs": [tensor("x", "FP32", [1, 2], [1, 2])],
        "outputs": [{"name": "z"}, {"name": "y", "parameters": {"binary_data": True}}],
        "parameters": {"priority": 1, "timeout": 2_000_000, "top": 5},
    }
    request, wanted = decode(*wire(content), "m", "3")
    assert (request.model, request.version, request.id) == ("m", "3", "7")
    assert request.inputs["x"].tolist() == [[1.0, 2.0]]
    assert request.outputs == ("z", "y")
    assert (request.priority, request.timeout, request.parameters) == (1, 2.0, {"top": 5})
    assert wanted.by_name == {"z": Form(False), "y": Form(True)}


@given(st.data())
def test_inputs_in_json_and_binary_mix(data: st.DataObject) -> None:
    given = {
        f"input{number}": (datatype, data.draw(arrays(datatype)), data.draw(st.booleans()))
        for number, datatype in enumerate(data.draw(st.lists(st.sampled_from(Datatype), max_size=4)))
    }
    listed: list[Any] = []
    buffers: list[bytes] = []
    for name, (datatype, array, in_json) in given.items():
        if in_json and array.dtype.kind not in "O" and array.dtype.itemsize != 2:
            listed.append(tensor(name, datatype, array.shape, array.ravel().tolist()))
        else:
            content = b"".join([to_binary(array)])
            listed.append(binary(name, datatype, list(array.shape), len(content)))
            buffers.append(content)
    request, _ = decode(*wire({"inputs": listed}, *buffers), "m", "")
    assert list(request.inputs) == list(given)
    for name, (_, array, _) in given.items():
        assert same(request.inputs[name], array)


X = tensor("x", "INT32", [1], [1])


@pytest.mark.parametrize(
    ("content", "tail", "says"),
    [
        ({"inputs": [X, X]}, b"", "input 'x' is given twice"),
        ({"inputs": [{**X, "name": ""}]}, b"", "an input has an empty name"),
        ({"inputs": [{**X, "datatype": "FP31\n"}]}, b"", r"input 'x': there is no datatype 'FP31\n', only BOOL, UINT8"),
        ({"inputs": [{**X, "shape": [-1]}]}, b"", "its shape [-1] has a negative axis"),
        ({"inputs": [{**X, "shape": [1] * 33}]}, b"", "its shape has 33 axes, at most 32 are taken"),
        ({"inputs": [{**X, "shape": [2**40, 2**40]}]}, b"", "has more elements than any tensor"),
        ({"inputs": [{**X, "shape": [2**32, 2**31 - 1]}]}, b"", "but its data has 1"),
        ({"inputs": [{"name": "x", "shape": [1], "datatype": "INT32"}]}, b"", "has neither 'data' nor the parameter"),
        ({"inputs": [{**X, "parameters": {"binary_data_size": 4}}]}, b"1234", "has both 'data' and the parameter"),
        (
            {"inputs": [binary("x", "INT32", [1], 4)]},
            b"123",
            "'binary_data_size' is 4, and 3 bytes of the body are left",
        ),
        ({"inputs": [binary("x", "INT32", [1], 4)]}, b"12345", "the body has 1 bytes more than"),
        ({"inputs": [X]}, b"1234", "the body has 4 bytes more than"),
        ({"inputs": [binary("x", "INT32", [2**61], 2**63 - 1)]}, b"", "and 0 bytes of the body are left"),
        ({"inputs": [binary("x", "INT32", [1], -4)]}, b"", "parameter 'binary_data_size' must be a whole number"),
        ({"inputs": [binary("x", "INT32", [1], "4")]}, b"1234", "parameter 'binary_data_size' must be a whole number"),
        ({"inputs": [], "outputs": [{"name": "y"}] * 2}, b"", "output 'y' is asked for twice"),
        ({"inputs": [], "id": "i" * 1025}, b"", "'id' has 1025 characters, at most 1024 are taken"),
        ({"inputs": [{**X, "name": str(n)} for n in range(1025)]}, b"", "at most 1024 inputs"),
        ({"inputs": [], "outputs": [{"name": str(n)} for n in range(1025)]}, b"", "at most 1024 inputs"),
        ({"inputs": [{**X, "name": "\r\n" + "x" * 500, "data": []}]}, b"", r"input '\r\nxxx"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(content: Any, tail: bytes, says: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        decode(*wire(content, tail), "m", "")
    assert says in str(raised.value)
    assert len(str(raised.value)) < 400
    assert str(raised.value).isprintable()


def test_shared_memory_is_not_supported() -> None:
    with pytest.raises(Unsupported, match="tensor 'x': shared memory is not supported"):
        decode(*wire({"inputs": [{**X, "parameters": {"shared_memory_region": "r"}}]}), "m", "")


def test_tensors_without_elements_are_valid() -> None:
    content = {"inputs": [tensor("a", "FP32", [0, 3], []), tensor("b", "BYTES", [2, 0], [[], []])]}
    request, _ = decode(*wire(content), "m", "")
    assert request.inputs["a"].shape == (0, 3)
    assert request.inputs["b"].shape == (2, 0)


def test_the_last_of_equal_keys_counts() -> None:
    text = b'{"inputs":[{"name":"x","name":"z","shape":[1],"datatype":"INT32","data":[1],"data":[2]}]}'
    request, _ = decode(*wire(text), "m", "")
    assert request.inputs["z"].tolist() == [2]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
near_inputs = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["x", "y", ""]) | json_values,
        "shape": st.lists(st.integers(-2, 3) | st.sampled_from([2**31, 2**62, 2**64 - 1]), max_size=4) | json_values,
        "datatype": st.sampled_from([*Datatype, "FP8"]) | json_values,
        "data": st.lists(json_values, max_size=4) | json_values,
        "parameters": st.dictionaries(
            st.sampled_from(["binary_data_size", "shared_memory_region", "z"]), st.integers(-1, 12) | json_values
        )
        | json_values,
    },
)
near_requests = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=5) | json_values,
        "inputs": st.lists(near_inputs, max_size=3) | json_values,
        "outputs": st.lists(
            st.fixed_dictionaries({"name": st.text(max_size=2), "parameters": json_values}), max_size=2
        ),
        "parameters": json_values,
    },
)


@given(near_requests.map(orjson.dumps), st.binary())
@settings(max_examples=500)
def test_no_request_does_anything_but_be_decoded_or_refused(text: bytes, tail: bytes) -> None:
    try:
        request, _ = decode(text + tail, len(text), "m", "")
    except (InvalidRequest, Unsupported) as error:
        assert str(error).isprintable()  # noqa: PT017  (not raising is fine as well)
    else:
        assert all(isinstance(array, np.ndarray) for array in request.inputs.values())


@given(st.binary(max_size=300), st.data())
def test_no_bytes_do_either(body: bytes, data: st.DataObject) -> None:
    with contextlib.suppress(InvalidRequest):
        decode(body, data.draw(st.integers(0, len(body))), "m", "")
