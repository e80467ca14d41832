"""What a request may ask for; everything else is refused with one sentence (threat 5)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.errors import InvalidRequest
from jackfield_plugins.generation.parameters import Parameters, parameters

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": 0}, "parameter 'max_tokens' must be at least 1, got 0"),
    ({"max_tokens": -(10**30)}, "parameter 'max_tokens' must be at least 1, got a huge number"),
    ({"max_tokens": 5, "min_tokens": 6}, "parameter 'min_tokens' must be at least 0 and at most 5, got 6"),
    ({"temperature": -0.1}, "parameter 'temperature' must be at least 0 and at most 100, got -0.1"),
    ({"temperature": float("nan")}, "parameter 'temperature' must be at least 0 and at most 100, got nan"),
    ({"temperature": "hot"}, "parameter 'temperature': expected float, got str"),
    ({"top_k": -2}, "parameter 'top_k' must be at least -1, got -2"),
    ({"top_k": 1.5}, "parameter 'top_k': expected int, got float"),
    ({"top_p": 0}, "parameter 'top_p' must be more than 0 and at most 1, got 0"),
    ({"top_p": 1.01}, "parameter 'top_p' must be more than 0 and at most 1, got 1.01"),
    ({"min_p": 2}, "parameter 'min_p' must be at least 0 and at most 1, got 2"),
    ({"repetition_penalty": 0}, "parameter 'repetition_penalty' must be more than 0 and at most 100, got 0"),
    ({"presence_penalty": 3}, "parameter 'presence_penalty' must be at least -2 and at most 2, got 3"),
    ({"frequency_penalty": -3}, "parameter 'frequency_penalty' must be at least -2 and at most 2, got -3"),
    ({"frequency_penalty": float("inf")}, "parameter 'frequency_penalty' must be at least -2 and at most 2, got inf"),
    ({"logit_bias": {"100": 1}}, "parameter 'logit_bias' must hold tokens from 0 to 99, got 100"),
    ({"logit_bias": {"-1": 1}}, "parameter 'logit_bias': expected int, got str"),
    ({"logit_bias": {5: 101}}, "parameter 'logit_bias of token 5' must be at least -100 and at most 100, got 101"),
    ({"logit_bias": [1]}, "parameter 'logit_bias': expected object, got array"),
    ({"stop": [""]}, "parameter 'stop' must not hold an empty text"),
    ({"stop": ["x"] * 17}, "parameter 'stop' must have at most 16 texts, got 17"),
    ({"stop": ["x" * 257]}, "parameter 'stop' must have at most 256 characters in one text, got 257"),
    ({"stop": 5}, "parameter 'stop': expected array, got int"),
    ({"stop_token_ids": [100]}, "parameter 'stop_token_ids' must hold tokens from 0 to 99, got 100"),
    ({"stop_token_ids": [1] * 129}, "parameter 'stop_token_ids' must have at most 128 tokens, got 129"),
    ({"logprobs": 21}, "parameter 'logprobs' must be at least 0 and at most 20, got 21"),
    ({"n": 0}, "parameter 'n' must be at least 1 and at most 64, got 0"),
    ({"n": 65}, "parameter 'n' must be at least 1 and at most 64, got 65"),
    ({"n": True}, "parameter 'n': expected int, got bool"),
    ({"seed": 2**64}, "parameter 'seed' must fit into 64 bits, got 18446744073709551616"),
    ({"given": [1], "n": 2}, "parameter 'n' must be 1 where an answer is continued, got 2"),
    ({"given": [1, 2], "max_tokens": 2}, "parameter 'max_tokens' must be more than the 2 given, got 2"),
    ({"ignore_eos": 1}, "parameter 'ignore_eos': expected bool, got int"),
]


@pytest.mark.parametrize(("asked", "sentence"), REFUSED, ids=[f"{name}" for name, _ in REFUSED])
def test_what_is_out_of_range_is_refused_with_one_sentence(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parameters(asked, 100)
    assert str(refused.value) == sentence


def test_what_is_right_is_taken_as_it_is_meant() -> None:
    found = parameters(
        {
            "max_tokens": 5,
            "temperature": 1,
            "stop": "x",
            "logit_bias": {"7": 1, 8: -1.5},
            "seed": -1,
            "logprobs": True,
            "top_p": None,
            "unknown": object(),
        },
        100,
    )
    assert found == Parameters(
        max_tokens=5, temperature=1.0, stop=("x",), logit_bias={7: 1.0, 8: -1.5}, seed=-1, logprobs=0
    )
    assert parameters({"logprobs": False}, 100) == Parameters()
    assert parameters({"echo": True, "max_tokens": 0}, 100).max_tokens == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, derandomize=True, max_examples=500)
@given(st.dictionaries(st.sampled_from(Parameters.__struct_fields__), JSON, max_size=4))
def test_any_json_is_taken_or_refused(asked: dict[str, Any]) -> None:
    sentence = _refused(asked)
    assert sentence == "" or sentence.startswith("parameter '")
    assert len(sentence) < 200
    assert "\n" not in sentence


def _refused(asked: dict[str, Any]) -> str:
    try:
        parameters(asked, 100)
    except InvalidRequest as refused:
        return str(refused)
    return ""
