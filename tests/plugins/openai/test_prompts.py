from __future__ import annotations

from typing import Any

import msgspec
import pytest

from jackfield_plugins.openai.fault import Fault
from jackfield_plugins.openai.prompts import prompts, tokens_of


def read(value: Any, most: int = 3, longest: int = 10) -> list[Any]:
    found = prompts(msgspec.Raw(msgspec.json.encode(value)), "prompt", most, longest)
    return [one if isinstance(one, str) else one.tolist() for one in found]


@pytest.mark.parametrize(
    ("value", "found"),
    [("a", ["a"]), (["a", ""], ["a", ""]), ([1, 2], [[1, 2]]), ([[1], [2, 3]], [[1], [2, 3]]), ("", [""])],
)
def test_the_four_forms(value: Any, found: Any) -> None:
    assert read(value) == found


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "must be a text, a list"),
        (3, "must be a text, a list"),
        ({"a": 1}, "must be a text, a list"),
        ([], "must not be empty"),
        ([[]], "a prompt without tokens"),
        (["a"] * 4, "at most 3 prompts, got 4"),
        ([[1]] * 4, "at most 3 prompts, got 4"),
        ([1, "a"], "expected 'int', got 'str'"),
        (["a", 1], "expected 'str', got 'int'"),
        ([-1], "got -1"),
        ([2**31], "got 2147483648"),
        ([1] * 100_000, "'prompt' has 100000 tokens"),
        ([[1] * 100_000], "'prompt' has 100000 tokens, more than 3 prompts of 10"),
        ([True], "expected 'int'"),
    ],
)
def test_what_is_none(value: Any, says: str) -> None:
    with pytest.raises(Fault) as raised:
        read(value)
    assert says in str(raised.value)
    assert raised.value.param == "prompt"


def test_many_tokens_are_refused_without_being_decoded() -> None:
    with pytest.raises(Fault, match="has 1000000 tokens"):
        prompts(msgspec.Raw(b"[1" + b",x" * 999_999 + b"]"), "prompt", 1, 10)


def test_a_list_of_tokens() -> None:
    assert tokens_of(msgspec.Raw(b"[1,2]"), "tokens", 2) == [1, 2]
    with pytest.raises(Fault, match="at most 2 tokens, got 3"):
        tokens_of(msgspec.Raw(b"[1,2,3]"), "tokens", 2)
