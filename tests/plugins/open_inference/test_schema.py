from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.schema import parsed


def test_fields_of_the_protocol_are_read_and_others_ignored() -> None:
    message = parsed(
        b'{"id":"7","extra":[{"a":[1]}],"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data": [1, 2] }],'
        b'"outputs":[{"name":"y"}],"parameters":{"a":1,"b":"c","d":true,"e":null,"f":1.5}}'
    )
    assert message.id == "7"
    assert bytes(message.inputs[0].data) == b"[1, 2]"
    assert message.outputs is not None
    assert message.outputs[0].name == "y"
    assert message.parameters == {"a": 1, "b": "c", "d": True, "e": None, "f": 1.5}


def test_nulls_stand_for_fields_that_are_not_there() -> None:
    message = parsed(b'{"id":null,"inputs":[],"outputs":null,"parameters":null}')
    assert (message.id, message.outputs, message.parameters) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "the request is not valid JSON"),
        (b"nonsense", "the request is not valid JSON"),
        (b'{"inputs":[]} 1', "the request is not valid JSON: JSON is malformed: trailing characters"),
        (b'{"id":"\xff","inputs":[]}', "text that is not UTF-8"),
        (b"[]", "the request is wrong: expected `object`, got `array`"),
        (b"{}", "the request is wrong: object missing required field `inputs`"),
        (b'{"id":7,"inputs":[]}', "'id' of the request is wrong: expected `str | null`, got `int`"),
        (b'{"inputs":[{"name":"x","shape":[1.5]}]}', "'inputs[0].shape[0]' of the request is wrong"),
        (b'{"inputs":[{"name":"x","shape":[true]}]}', "'inputs[0].shape[0]' of the request is wrong"),
        (b'{"inputs":[],"parameters":{"a":[]}}', "'parameters[...]' of the request is wrong"),
        (b'{"inputs":' + b"[" * 10_000, "the request is"),
        (b'{"inputs":[],"more":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "the request is nested too deeply"),
        (b'{"inputs":[{"name":"\\ud800"}]}', "the request is not valid JSON"),
        (b'{"inputs":[{"name":"x","shape":[1],"data":[NaN]}]}', "the request is not valid JSON"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(text: bytes, says: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parsed(text)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@given(st.binary(max_size=200))
def test_whatever_comes_is_parsed_or_refused(text: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        parsed(text)
