"""The tokenizer's bounds."""

from __future__ import annotations

import pytest
from tokenizers import processors

from jackfield.errors import InvalidRequest, TooLarge
from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from tests.plugins.generation.text import tokenizers_made


def test_tokens_and_special_tokens() -> None:
    made = tokenizers_made.byte_level()
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer = TextTokenizer(made, 400, 100)
    plain = tokenizer.encode("the weather", special=False)
    assert tokenizer.encode("the weather") == [0, *plain]
    assert tokenizer.encode_batch(["the weather", ""]) == [[0, *plain], [0]]
    assert tokenizer.special == {0, 1}
    assert (tokenizer.token("<s>"), tokenizer.token("<nothing>")) == (0, None)
    assert (tokenizer.spelling(1), tokenizer.spelling(9999)) == ("</s>", None)
    assert b"".join(tokenizer.piece(token) for token in plain) == b"the weather"
    assert tokenizer.piece(9999) == b""


def test_a_text_that_must_have_too_many_tokens_is_refused_unread() -> None:
    tokenizer = TextTokenizer(tokenizers_made.byte_level(), 400, 10)
    longest = max(len(spelling.encode()) for spelling in tokenizers_made.byte_level().get_vocab())
    assert tokenizer.largest == 10 * longest
    tokenizer.encode("x" * tokenizer.largest)
    for text in ("x" * (tokenizer.largest + 1), "ä" * (tokenizer.largest // 2 + 1)):
        with pytest.raises(
            TooLarge, match=rf"^a text of \d+ bytes has more than the 10 tokens that .* at most {10 * longest}"
        ):
            tokenizer.encode(text)
        with pytest.raises(TooLarge):
            tokenizer.encode_batch(["short", text])


def test_no_text_within_bounds_is_refused_that_the_context_could_hold() -> None:
    made = tokenizers_made.byte_level()
    tokenizer = TextTokenizer(made, 400, 4)
    longest = max((spelling for spelling in made.get_vocab()), key=lambda spelling: len(spelling.encode()))
    text = made.decode([made.get_vocab()[longest]] * 4, skip_special_tokens=False)
    assert len(tokenizer.encode(text)) == 4


def test_a_lone_surrogate_is_refused() -> None:
    tokenizer = TextTokenizer(tokenizers_made.byte_level(), 400, 100)
    with pytest.raises(InvalidRequest, match=r"^the text holds a lone surrogate at character 3$"):
        tokenizer.encode("abc\ud800")


def test_a_token_that_the_model_has_no_embedding_for_is_refused() -> None:
    made = tokenizers_made.byte_level()
    added = made.get_vocab()["<tool 名>"]
    tokenizer = TextTokenizer(made, added, 100)
    with pytest.raises(
        InvalidRequest, match=rf"^the text has the token {added} \('<tool 名>'\), and the model knows {added}$"
    ):
        tokenizer.encode("a <tool 名>")
    assert tokenizer.encode("a") != []


def test_what_a_checkpoint_says_of_cutting_and_padding_is_not_done() -> None:
    made = tokenizers_made.byte_level()
    made.enable_truncation(2)
    made.enable_padding(length=50)
    assert 2 < len(TextTokenizer(made, 400, 100).encode("the weather is nice")) < 50


def test_tokens_that_there_are_not_are_not_remembered() -> None:
    """Or whoever asks for the text of many numbers would fill the memory."""
    tokenizer = TextTokenizer(tokenizers_made.byte_level(), 400, 100)
    plain = tokenizer.encode("the weather", special=False)
    for _ in range(2):
        assert tokenizer.decode([*plain, 5000, 6000]) == "the weather"
    assert set(tokenizer._told) == set(plain)
