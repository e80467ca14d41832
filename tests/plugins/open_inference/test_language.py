from __future__ import annotations

from types import SimpleNamespace

from jackfield_plugins.generation.accepting import SIGNATURE
from jackfield_plugins.generation.answer import Piece, Usage
from jackfield_plugins.open_inference.language import language_of, plain
from tests.plugins.open_inference.stub import MODELS


def test_a_model_generates_if_it_takes_tokens_and_says_so() -> None:
    about = SimpleNamespace(tokenizer=None, context=16, ends=(1,))
    assert language_of(about, SIGNATURE) is about
    assert language_of(None, SIGNATURE) is None
    assert language_of(SimpleNamespace(tokenizer=None), SIGNATURE) is None
    assert language_of(about, MODELS["mlp"][0]) is None


def test_parameters_of_a_response_are_those_with_a_form_in_the_protocol() -> None:
    pieces = [Piece(0, "a", [1], None, "stop"), Piece(1, "b", [2], None, "length")]
    told = plain({"pieces": pieces, "usage": Usage(5, 2, 1), "note": "x", "of": [1], "half": 0.5})
    assert told == {
        "note": "x",
        "half": 0.5,
        "finish_reason": "stop",
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "cached_tokens": 1,
    }
    assert plain({"pieces": [Piece(0, "a", [1])]}) == {}
    assert plain({}) == {}
