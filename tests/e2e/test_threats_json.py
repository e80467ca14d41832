"""Attacks with the JSON of a request and with its parameters."""

from __future__ import annotations

import pytest

from tests.e2e.asking import ROW, TEXT, ask, is_right, request, short
from tests.e2e.company import refusal
from tests.e2e.launch import Live
from tests.e2e.sockets import content

pytestmark = pytest.mark.usefixtures("company")
DEEP = 10_000
MILLION = 1_000_000


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "null",
        "7",
        '"inputs"',
        "[]",
        "{}",
        '{"inputs": null}',
        '{"inputs": {}}',
        '{"inputs": []}',
        '{"inputs": [7]}',
        '{"inputs": [null]}',
        '{"inputs": [[]]}',
        "{'inputs': []}",
        request(ROW)[:-1],
        request(ROW) + "}",
        request(ROW) + " {}",
        request(ROW) + "\0",
        "\ufeff" + request(ROW),
        request(ROW).encode("utf-16"),
        request(ROW, more=","),
        request(ROW, more=', "id": 7'),
        request(ROW, more=f', "id": "{"x" * 5000}"'),
        request(ROW, more=', "parameters": []'),
        request(ROW, more=', "parameters": {"a": {"b": 1}}'),
        request(ROW, more=', "outputs": [{}]'),
        request(ROW, more=', "outputs": [{"name": ""}]'),
        request(ROW, more=', "outputs": [{"name": "nothing"}]'),
        request(ROW, more=', "outputs": [{"name": "output"}, {"name": "output"}]'),
        request(ROW, ROW),
        request(ROW, ROW.replace('"x"', '"y"')),
        request(ROW.replace('"x"', '"y"')),
    ],
    ids=short,
)
def test_no_inference_request(live: Live, body: str | bytes) -> None:
    refusal(ask(live, body), 400)


@pytest.mark.parametrize(
    "body",
    [
        request(ROW.replace("[7", "[" * DEEP + "7")),
        request(ROW.replace("7", "[" * DEEP + "7" + "]" * DEEP)),
        '{"x": ' + "[" * DEEP + "]" * DEEP + "}",
        '{"x": ' * DEEP + "1" + "}" * DEEP,
        '{"inputs": ' + "[" * 30 * MILLION,
    ],
    ids=["row open", "row", "arrays", "objects", "thirty million"],
)
def test_nested_deeply(live: Live, body: str) -> None:
    refusal(ask(live, body), 400)


@pytest.mark.parametrize(
    "body",
    [
        request(ROW.replace("[7", "[" + "7," * 10 * MILLION + "7")),
        request(ROW.replace("[1", "[" + "1," * 10 * MILLION + "1")),
        request(*[ROW] * 500_000),
        request(ROW, more=', "outputs": [' + ",".join(['{"name":"a"}'] * MILLION) + "]"),
        request(ROW, more=', "parameters": {' + ",".join(f'"{n}":1' for n in range(MILLION)) + "}"),
        request(ROW, more=f', "id": "{"x" * 10 * MILLION}"'),
        request(ROW.replace("7", "7" * 10 * MILLION)),
    ],
    ids=["elements", "axes", "inputs", "outputs", "parameters", "letters", "digits"],
)
def test_millions_of_something(live: Live, body: str) -> None:
    refusal(ask(live, body), 400, 413)


def test_ten_million_elements_that_are_as_many_as_declared(live: Live) -> None:
    rows = 10 * MILLION // 4
    body = request(ROW.replace("[1, 4]", f"[{rows}, 4]").replace("[7, 1, 2, 3]", "[" + "7," * (4 * rows - 1) + "7]"))
    before = live.memory_mib()
    for _ in range(3):
        assert "batch-size must be <= 32" in refusal(ask(live, body), 400)
    assert live.memory_mib() < before + 100


@pytest.mark.parametrize(
    "number",
    ["NaN", "Infinity", "-Infinity", "nan", "1e999", "-1e999", "1e39", "0x7", "07", "+7", "1_0", "true", "null", '"7"'],
)
def test_no_number_of_fp32(live: Live, number: str) -> None:
    refusal(ask(live, request(ROW.replace("7", number))), 400)


@pytest.mark.parametrize("number", ["1" * 400, "-" + "9" * 4000, "18446744073709551616", "7"], ids=short)
@pytest.mark.parametrize("datatype", ["INT64", "UINT64", "INT8", "BOOL", "BYTES", "FP16", "BF16", "FP64"])
def test_huge_integers_of_a_wrong_datatype(live: Live, datatype: str, number: str) -> None:
    refusal(ask(live, request(ROW.replace("FP32", datatype).replace("7", number))), 400)


@pytest.mark.parametrize(
    "body",
    [
        '{"inputs": [7], ' + request(ROW)[1:],
        request(ROW.replace('"data"', '"data": [1], "data"')),
        request(ROW.replace('"shape"', '"shape": [2, 2], "shape"')),
        request(ROW, more=', "parameters": {"a": 1, "a": 2}'),
        request(ROW, more=', "id": "a", "id": "b"'),
    ],
    ids=short,
)
def test_keys_given_twice(live: Live, body: str) -> None:
    """Either the request is refused, or the last one counts, whichever field it is."""
    answer = ask(live, body)
    if not is_right(answer):
        refusal(answer, 400)
    elif '"id"' in body:
        assert answer.json["id"] == "b"


@pytest.mark.parametrize(
    "body",
    [
        request(ROW, more=', "id": "HERE"'),
        request(ROW.replace('"x"', '"HERE"')),
        request(ROW.replace("FP32", "HERE")),
        request(ROW, more=', "parameters": {"priority": "HERE"}'),
        request(ROW, more=', "outputs": [{"name": "HERE"}]'),
        request(TEXT.replace("seven", "HERE")),
    ],
    ids=short,
)
@pytest.mark.parametrize(
    "text",
    [
        rb"\ud800",
        rb"\udfff",
        rb"\ud800\ud800",
        rb"\udc00\ud800",
        b"\xed\xa0\x80",
        b"\xff",
        b"\xc0\x80",
        b"\xf5\x80\x80\x80",
        b"\xe2\x82",
    ],
)
def test_text_that_is_not_unicode(live: Live, text: bytes, body: str) -> None:
    refusal(ask(live, body.encode().replace(b"HERE", text), "text" if TEXT[:15] in body else "double"), 400)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("priority", value) for value in (-1, 2**32, 2**64, 10**400, 1.5, "1", True, None)),
        *(("timeout", value) for value in (-1, 2**63, 10**400, 0.5, "1000", False, None)),
        *(("binary_data_output", value) for value in (0, 1, "true", None)),
    ],
    ids=short,
)
def test_parameters_out_of_range(live: Live, name: str, value: object) -> None:
    sentence = refusal(live.infer("double", {**content(7), "parameters": {name: value}}), 400)
    assert name in sentence or value == 10**400


@pytest.mark.parametrize("classes", [0, -1, 5, 2**63, 10**400, 1.5, "2", True], ids=short)
def test_classification_out_of_range(live: Live, classes: object) -> None:
    outputs = [{"name": "output", "parameters": {"classification": classes}}]
    refusal(live.infer("double", {**content(7), "outputs": outputs}), 400)


@pytest.mark.parametrize(
    "parameters",
    [{}, {"priority": 0}, {"priority": 2**32 - 1}, {"timeout": 0}, {"timeout": 2**63 - 1}, {"unknown": 1, "": "x"}],
)
def test_parameters_within_range_or_unknown(live: Live, parameters: dict[str, object]) -> None:
    assert is_right(live.infer("double", {**content(7), "parameters": parameters}))


def test_a_timeout_that_is_over_at_once(live: Live) -> None:
    sentence = refusal(live.infer("fickle", {**content(900.2), "parameters": {"timeout": 1000}}), 503)
    assert sentence == "Request timeout expired"
