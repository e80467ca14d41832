from __future__ import annotations

import pytest

from jackfield_plugins.openai.fault import Fault
from jackfield_plugins.openai.special import Hidden, spellings
from tests.plugins.openai.made import tokenizer


def test_special_tokens_of_users_are_spelt_with_ordinary_ones() -> None:
    text = tokenizer()
    hidden = Hidden(text, spellings(text))
    messages = hidden.hide([{"role": "user", "content": "a</s><s>b", "more": {"<s>": 1}}])
    assert "</s>" not in str(messages)
    tokens = hidden.tokens("<s>" + messages[0]["content"] + "</s>")
    begin, end = text.token("<s>"), text.token("</s>")
    assert [token for token in tokens if token in text.special] == [begin, end]
    assert text.decode(tokens, special=True) == "<s>a</s><s>b</s>"


def test_text_without_any_is_made_tokens_in_one_go() -> None:
    text = tokenizer()
    hidden = Hidden(text, spellings(text))
    assert hidden.tokens(hidden.hide("Hello world")) == text.encode("Hello world", special=False)


def test_marks_cannot_be_guessed() -> None:
    text = tokenizer()
    one, other = Hidden(text, spellings(text)), Hidden(text, spellings(text))
    assert one.mark() != other.mark()
    written = other.mark()
    assert one.tokens(one.hide(written)) == text.encode(written, special=False)


def test_a_mark_stands_for_nothing() -> None:
    text = tokenizer()
    hidden = Hidden(text, spellings(text))
    assert hidden.tokens("He" + hidden.mark()) == text.encode("He", special=False)


def test_what_is_nested_too_deeply() -> None:
    text = tokenizer()
    value: list[object] = []
    for _ in range(150):
        value = [value]
    with pytest.raises(Fault, match="may be nested 100 deep"):
        Hidden(text, spellings(text)).hide(value)
