from __future__ import annotations

from typing import Any

import msgspec
import pytest

from jackfield_plugins.generation.parameters import Parameters, parameters
from jackfield_plugins.openai.fault import Fault
from jackfield_plugins.openai.sampling import checked_priority, sampling
from jackfield_plugins.openai.schema import Sampling


def body(**fields: Any) -> Sampling:
    return msgspec.json.decode(msgspec.json.encode({"model": "m", **fields}), type=Sampling)


def test_only_what_was_said_is_passed_on() -> None:
    assert sampling(body(user="me", temperature=None)) == {}
    found = sampling(body(temperature=0, top_k=5, stop="x", logit_bias={"3": 1}, include_stop_str_in_output=True, n=2))
    assert found == {
        "temperature": 0,
        "top_k": 5,
        "stop": "x",
        "logit_bias": {"3": 1},
        "include_stop": True,
        "n": 2,
    }
    assert parameters(found, 10) == Parameters(
        temperature=0, top_k=5, stop=("x",), logit_bias={3: 1}, include_stop=True, n=2
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 0}, "n"),
        ({"n": 10**30}, "n"),
        ({"cache_salt": "x" * 257}, "cache_salt"),
        ({"stream_options": {}}, "stream_options"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": "json"}, "response_format"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Fault) as raised:
        sampling(body(**fields))
    assert raised.value.param == param


def test_text_is_a_format_that_can_be_promised() -> None:
    assert sampling(body(response_format={"type": "text"})) == {}


def test_priorities() -> None:
    assert (checked_priority(None), checked_priority(3)) == (0, 3)
    for wrong in (-1, 2**32, 10**40):
        with pytest.raises(Fault, match="'priority' must be from 0"):
            checked_priority(wrong)
