from __future__ import annotations

import time
import tracemalloc

import pytest

from jackfield.errors import InvalidRequest, TooLarge
from jackfield_plugins.open_inference.outline import MOST_BESIDE_DATA
from jackfield_plugins.open_inference.schema import parsed

INPUT = b'{"name":"x","shape":[%s],"datatype":"FP32","parameters":{%s},"data":[%s]}'
MIB = 1024 * 1024


def request(*inputs: bytes, outputs: bytes = b"[]", parameters: bytes = b"{}", identity: bytes = b'""') -> bytes:
    content = b'{"inputs":[%s],"outputs":%s,"parameters":%s,"id":%s}'
    return content % (b",".join(inputs), outputs, parameters, identity)


def numbers(count: int) -> bytes:
    return b",".join([b"1"] * count)


def entries(count: int) -> bytes:
    return b",".join(b'"%d":1' % number for number in range(count))


def test_data_may_be_large() -> None:
    data = numbers(2 * MIB)
    message = parsed(request(INPUT % (b"1", b"", b"1"), INPUT % (b"2", b"", data)))
    assert len(message.inputs[1].data) == len(data) + 2


@pytest.mark.parametrize(
    "text",
    [
        request(INPUT % (numbers(MIB), b"", b"1")),
        request(INPUT % (b"1", entries(MIB), b"1")),
        request(*[INPUT % (b"1", entries(200), b"1")] * 1000),
        request(parameters=b"{" + entries(MIB) + b"}"),
        request(outputs=b"[" + b",".join([b'{"name":"y"}'] * MIB) + b"]"),
        request(identity=b'"' + b"x" * 2 * MIB + b'"'),
        request(INPUT.replace(b'"x"', b'"' + b"x" * 2 * MIB + b'"') % (b"1", b"", b"1")),
    ],
)
def test_nothing_else_may(text: bytes) -> None:
    tracemalloc.start()
    try:
        began = time.perf_counter()
        with pytest.raises(TooLarge, match=f"more than {MOST_BESIDE_DATA} bytes of JSON beside its inputs' data"):
            parsed(text)
        took = time.perf_counter() - began
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()
    assert took < 1  # each part an object of its own would take longer


@pytest.mark.parametrize(
    "text",
    [
        b'{"parameters":{' + entries(MIB) + b'},"inputs":[],"parameters":{}}',
        b'{"inputs":[{"name":"x","shape":[' + numbers(4 * MIB) + b'],"shape":[1],"datatype":"FP32","data":[1]}]}',
        b'{"inputs":[' + b",".join([INPUT % (b"", b"", b"")] * 100_000) + b'],"inputs":[]}',
    ],
)
def test_what_is_overridden_by_an_equal_key_costs_nothing(text: bytes) -> None:
    tracemalloc.start()
    try:
        assert len(parsed(text).inputs) <= 1
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


def test_everything_is_kept() -> None:
    text = request(
        INPUT % (b"1,2", b'"a":1', numbers(MIB)), outputs=b'[{"name":"y"}]', parameters=b'{"b":2}', identity=b"null"
    )
    message = parsed(text)
    (one,) = message.inputs
    assert (one.name, one.shape, one.datatype, one.parameters) == ("x", (1, 2), "FP32", {"a": 1})
    assert bytes(one.data) == b"[" + numbers(MIB) + b"]"
    assert message.outputs is not None
    assert (message.id, message.outputs[0].name, message.parameters) == (None, "y", {"b": 2})


def test_inputs_without_number_are_counted_and_no_more() -> None:
    text = request(*[INPUT % (b"", b"", b"")] * 100_000)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequest, match="at most 1024 inputs"):
            parsed(text)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "inputs", [b"null", b"7", b"{}", b"[7]", b'["x"]', b"[null]", b'[{"name":7}]', b'[{"name":"x","shape":{}}]']
)
def test_what_is_no_request_is_refused(inputs: bytes) -> None:
    with pytest.raises(InvalidRequest, match="of the request is wrong: "):
        parsed(b'{"inputs":' + inputs + b" " * 2 * MIB + b"}")
