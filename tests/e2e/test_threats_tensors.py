"""Attacks with the tensors of a request: shapes, datatypes and lengths that do not fit what is there."""

from __future__ import annotations

import json
import struct

import pytest

from tests.e2e.asking import short, tensor
from tests.e2e.company import refusal
from tests.e2e.launch import Answer, Live

pytestmark = pytest.mark.usefixtures("company")


def binary(live: Live, model: str, raw: bytes, size: object = None, **fields: object) -> Answer:
    """The answer to a request whose one input is `raw`, after the JSON."""
    given = {"name": "x", "shape": [1, 4], "datatype": "FP32", **fields}
    given["parameters"] = {"binary_data_size": len(raw) if size is None else size}
    text = json.dumps({"inputs": [given]}).encode()
    headers = {"inference-header-content-length": str(len(text))}
    return live.ask("POST", f"/v2/models/{model}/infer", text + raw, headers)


@pytest.mark.parametrize(
    "datatype", ["", "fp32", "FP", "FP32 ", "INT4", "TYPE_FP32", "x" * 5000, "\0", None, 7, ["FP32"]], ids=short
)
def test_no_datatype(live: Live, datatype: object) -> None:
    refusal(tensor(live, datatype=datatype), 400)


@pytest.mark.parametrize(
    "shape",
    [
        [-1, 4],
        [-1, -4],
        [1, -(2**63)],
        [2**62, 4],
        [2**32, 2**32],
        [2**63],
        [10**400, 1],
        [1] * 33,
        [1, 4] * 10_000,
        [],
        [4],
        [1, 1, 4],
        [1, 5],
        [2, 4],
        [0, 4],
        [1, 4.5],
        [1, "4"],
        [1, None],
        [True, 4],
        4,
        "1,4",
        None,
        {"1": 4},
    ],
    ids=short,
)
def test_no_shape_of_this_data(live: Live, shape: object) -> None:
    refusal(tensor(live, shape=shape), 400)


@pytest.mark.parametrize(
    "data",
    [
        None,
        7,
        {},
        "7123",
        [],
        [[]],
        [[7, 1], [2, 3]],
        [[7], [1, 2, 3]],
        [7, [1, 2, 3]],
        [[[7, 1, 2, 3]]],
        [7, 1, 2],
        [7, 1, 2, 3, 4],
        [7, 1, 2, None],
        [7, 1, 2, [3]],
        [7, 1, 2, {}],
    ],
    ids=short,
)
def test_no_data_of_this_shape(live: Live, data: object) -> None:
    refusal(tensor(live, data=data), 400)


def test_more_rows_than_a_step_may_have(live: Live) -> None:
    refusal(tensor(live, shape=[33, 4], data=[1.0] * 132), 400)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01",
        struct.pack("<I", 2**32 - 1),
        struct.pack("<I", 5) + b"four",
        struct.pack("<I", 3) + b"four",
        struct.pack("<I", 2**31) + b"x" * 100,
        struct.pack("<I", 4) + b"four" + struct.pack("<I", 0),
        struct.pack("<I", 1) + b"\xff",  # this model takes text
    ],
    ids=short,
)
def test_bytes_elements_beyond_the_buffer(live: Live, raw: bytes) -> None:
    refusal(binary(live, "text", raw, name="text", shape=[1], datatype="BYTES"), 400)


@pytest.mark.parametrize("count", [251, 10_000_000, 2**40, 2**60])
def test_more_bytes_elements_than_there_are_bytes(live: Live, count: int) -> None:
    refusal(binary(live, "text", b"\0" * 1000, name="text", shape=[count], datatype="BYTES"), 400)


@pytest.mark.parametrize("size", [0, 15, 17, -1, -16, 2**31, 2**63, 2**64, 10**400, 1.5, "16", True, [16]], ids=short)
def test_a_binary_size_that_is_none(live: Live, size: object) -> None:
    refusal(binary(live, "double", b"\0" * 16, size), 400)


def test_binary_data_that_is_too_much_or_in_the_way(live: Live) -> None:
    refusal(binary(live, "double", b"\0" * 20, 16), 400)
    refusal(binary(live, "double", b"\0" * 16, data=[7, 1, 2, 3]), 400)
    refusal(binary(live, "double", b"\0" * 16, shape=[2**62, 4]), 400)
    refusal(live.ask("POST", "/v2/models/double/infer", b"\0" * 15, {"inference-header-content-length": "0"}), 400)


def test_tensors_without_elements_are_valid(live: Live) -> None:
    for answer in (tensor(live, shape=[0, 4], data=[]), binary(live, "double", b"", shape=[0, 4])):
        assert answer.status == 200, answer.body
        assert answer.json["outputs"][0] == {"name": "output", "datatype": "FP32", "shape": [0, 4], "data": []}
    answer = tensor(live, "text", name="text", shape=[0], datatype="BYTES", data=[])
    assert (answer.status, answer.json["outputs"][0]["shape"]) == (200, [0])
    refusal(tensor(live, shape=[0, 2**62], data=[]), 400)
    refusal(tensor(live, shape=[0, 5], data=[]), 400)
