"""Text as it comes: what is given piece by piece is what the tokenizer decodes at once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield_plugins.generation.text.detokenizer import ByteDetokenizer
from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from tests.plugins.generation.text import tokenizers_made

MADE = {name: make() for name, make in tokenizers_made.KINDS.items()}
WRAPPED = {name: TextTokenizer(made, 10_000, 4096) for name, made in MADE.items()}


def pieces(kind: str, tokens: list[int], special: bool = False) -> list[str]:
    detokenizer = WRAPPED[kind].detokenizer(special)
    return [*(detokenizer.add(token) for token in tokens), detokenizer.finish()]


@pytest.mark.parametrize("kind", MADE)
@settings(deadline=None)
@given(text=st.text(max_size=40))
def test_the_pieces_of_a_text_are_the_text_that_the_library_decodes(kind: str, text: str) -> None:
    tokens = WRAPPED[kind].encode(text)
    given_ = pieces(kind, tokens)
    assert "".join(given_) == MADE[kind].decode(tokens)
    assert all("\ufffd" not in piece for piece in given_) or "\ufffd" in text


@pytest.mark.parametrize("kind", ["byte_level", "word_piece"])
@settings(deadline=None)
@given(data=st.data())
def test_any_tokens_at_all_give_what_the_library_decodes(kind: str, data: st.DataObject) -> None:
    size = MADE[kind].get_vocab_size()
    tokens = data.draw(st.lists(st.integers(0, size - 1), max_size=30))
    assert "".join(pieces(kind, tokens)) == MADE[kind].decode(tokens)
    assert "".join(pieces(kind, tokens, special=True)) == MADE[kind].decode(tokens, skip_special_tokens=False)


@pytest.mark.parametrize("kind", ["sentence_piece", "metaspace"])
@settings(deadline=None)
@given(data=st.data())
def test_any_tokens_of_sentence_piece_too_but_for_broken_bytes(kind: str, data: st.DataObject) -> None:
    """The library gives up a whole run of bytes where one is broken; what was given cannot be taken back."""
    size = MADE[kind].get_vocab_size()
    tokens = data.draw(st.lists(st.integers(0, size - 1), max_size=30))
    wanted = MADE[kind].decode(tokens)
    got = "".join(pieces(kind, tokens))
    if "\ufffd" not in wanted:
        assert got == wanted
    else:
        assert "\ufffd" in got


@settings(deadline=None)
@given(text=st.text(max_size=40), cuts=st.lists(st.integers(1, 5), min_size=1))
def test_no_piece_has_half_a_character_wherever_the_bytes_are_cut(text: str, cuts: list[int]) -> None:
    encoded = text.encode()
    parts: list[bytes] = []
    while encoded:
        size = cuts[len(parts) % len(cuts)]
        parts.append(encoded[:size])
        encoded = encoded[size:]
    detokenizer = ByteDetokenizer(parts.__getitem__)
    given_ = [detokenizer.add(index) for index in range(len(parts))]
    assert "".join(given_) == text
    assert detokenizer.finish() == ""


def test_what_never_becomes_a_character_is_replaced_at_the_end() -> None:
    fox = "🦊".encode()
    detokenizer = ByteDetokenizer([fox[:1], fox[1:3], b"x"].__getitem__)
    assert [detokenizer.add(0), detokenizer.add(1)] == ["", ""]
    assert detokenizer.finish() == "\ufffd"
    detokenizer = ByteDetokenizer([fox[:1], fox[1:3], b"x"].__getitem__)
    assert [detokenizer.add(token) for token in (0, 1, 2)] == ["", "", "\ufffdx"]


def test_special_tokens_are_shown_only_if_asked_for() -> None:
    tokenizer = WRAPPED["byte_level"]
    tokens = tokenizer.encode("Hi<s><tool 名> there</s>")
    assert tokenizer.decode(tokens) == "Hi<tool 名> there"
    assert tokenizer.decode(tokens, special=True) == "Hi<s><tool 名> there</s>"


def test_a_text_loses_only_the_space_that_was_put_before_it() -> None:
    tokenizer = WRAPPED["sentence_piece"]
    for text in ("hello", " hello", "  hello  ", " "):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_window_does_not_wait_for_ever() -> None:
    tokenizer = WRAPPED["word_piece"]
    detokenizer = tokenizer.detokenizer()
    assert detokenizer.finish() == ""
    broken = tokenizers_made.byte_level()
    wrapped = TextTokenizer(broken, 10_000, 100)
    wrapped._pieces = None  # as if it could only be decoded together
    lone = broken.token_to_id("\u0142")  # a byte that cannot stand alone, spelt as a letter
    assert lone is not None
    window = wrapped.detokenizer()
    got = [window.add(lone) for _ in range(20)]
    assert got[:7] == [""] * 7
    assert "".join([*got, window.finish()]) == broken.decode([lone] * 20)
