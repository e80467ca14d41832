from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield import Version
from jackfield.errors import InvalidRequest, Unsupported
from jackfield_plugins.generation.accepting import SIGNATURE
from jackfield_plugins.open_inference.question import Question, decode
from tests.plugins.open_inference.stub import MODELS


class Letters:
    """A token a letter."""

    def encode(self, text: str) -> Sequence[int]:
        return [ord(letter) for letter in text]


GENERATING = cast(
    Version,
    SimpleNamespace(model="m", signature=SIGNATURE, about=SimpleNamespace(tokenizer=Letters(), context=64, ends=())),
)
PAIR = cast(Version, SimpleNamespace(model="pair", signature=MODELS["pair"][0], about=None))


def asked(version: Version = GENERATING, **content: Any) -> Question:
    return decode(orjson.dumps(content), version)


def test_a_text_becomes_tokens_and_the_rest_parameters() -> None:
    question = asked(id="i", text_input="ab", max_tokens=3, parameters={"stop": ["x"], "priority": 1, "timeout": 2000})
    request = question.request
    assert request.inputs["tokens"].tolist() == [97, 98]
    assert request.inputs["tokens"].dtype == "int32"
    assert request.parameters == {"max_tokens": 3, "stop": ["x"]}
    assert (request.priority, request.timeout, question.identity) == (1, 0.002, "i")
    assert (question.before, question.stream, question.returned) == ("", None, frozenset())


def test_what_the_answer_is_made_of() -> None:
    question = asked(
        text_input="ab",
        stream=True,
        exclude_input_in_output=False,
        return_finish_reason=True,
        return_num_input_tokens=False,
    )
    assert (question.before, question.stream) == ("ab", True)
    assert question.returned == {"return_finish_reason"}
    assert question.request.parameters == {}


def test_sampling_parameters_give_way_to_those_beside_them() -> None:
    question = asked(text_input="a", top_k=1, sampling_parameters='{"top_k": 2, "seed": 3}')
    assert question.request.parameters == {"top_k": 1, "seed": 3}
    assert asked(text_input="a", sampling_parameters={"seed": 3}).request.parameters == {"seed": 3}
    for wrong in ("{", "[1]", 3):
        with pytest.raises(InvalidRequest, match="parameter 'sampling_parameters' must be an object in JSON"):
            asked(text_input="a", sampling_parameters=wrong)


def test_other_models_take_their_inputs_by_name() -> None:
    question = asked(PAIR, a=[1, 2], text_input="x", parameters={"b": ["y"]})
    assert {name: array.tolist() for name, array in question.request.inputs.items()} == {
        "a": [[1, 2]],
        "b": [[b"y"]],
    }
    assert question.request.parameters == {"text_input": "x"}


def test_what_is_reserved_is_refused() -> None:
    with pytest.raises(Unsupported, match="parameter 'sequence_id'"):
        asked(text_input="a", sequence_id=1)
    with pytest.raises(InvalidRequest, match="parameter 'triton_x' is reserved"):
        asked(text_input="a", parameters={"triton_x": 1})
    with pytest.raises(InvalidRequest, match="'id' has 2000 characters"):
        asked(id="x" * 2000, text_input="a")
    with pytest.raises(InvalidRequest, match="the request has 1025 fields"):
        decode(orjson.dumps({f"f{n}": 1 for n in range(1025)}), GENERATING)


@given(st.binary(max_size=60) | st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists).map(repr))
def test_any_body_is_a_question_or_the_clients_fault(body: bytes | str) -> None:
    for version in (GENERATING, PAIR):
        try:
            decode(body if isinstance(body, bytes) else body.encode("utf-8", "replace"), version)
        except (InvalidRequest, Unsupported) as error:
            assert str(error)  # noqa: PT017
