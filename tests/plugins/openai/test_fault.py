from __future__ import annotations

from jackfield_plugins.openai.fault import CONTEXT, too_long


def test_what_is_too_long_says_by_how_much() -> None:
    error = too_long(90, 20, 100, "m", "prompt")
    assert str(error) == "the context of model 'm' is 100 tokens: the prompt has 90, and 20 are asked for the answer"
    assert (error.param, error.code) == ("prompt", CONTEXT)
    assert str(too_long(100, 1, 100, "m", "x")).endswith("the prompt has 100, and an answer needs one more")
    assert str(too_long(101, 0, 100, "m", "x")).endswith("the prompt has 101")
