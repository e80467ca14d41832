"""What endpoints do with a `TextEncoder`."""

from __future__ import annotations

import pytest

from jackfield.errors import InvalidRequest, TooLarge
from jackfield_plugins.encoding.text_encoder import TextEncoder
from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from tests.plugins.encoding import folders


def model(truncate: bool = False, limit: int = 8) -> TextEncoder:
    return TextEncoder(TextTokenizer(folders.tokenizer(), folders.VOCABULARY, 64), limit, 48, truncate)


def test_tokens_come_with_those_around_them() -> None:
    assert model().tokens(["ab", "", "z"]) == [[2, 4, 41, 3], [2, 3], [2, 29, 3]]


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("abcdefg", InvalidRequest, "^text 1 has 9 tokens, and the model takes at most 8: shorten it$"),
        ("\ud800", InvalidRequest, "^text 1: the text holds a lone surrogate at character 0$"),
        (
            "a" * 1000 + "\ud800",
            TooLarge,
            r"^text 1 has 1003 bytes, and at most 320 are looked at: the model takes 8 t",
        ),
    ],
)
def test_what_is_wrong_names_the_text(text: str, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        model().tokens(["a", text])


def test_no_tokens_are_no_text() -> None:
    bare = folders.tokenizer()
    bare.post_processor = None
    plain = TextEncoder(TextTokenizer(bare, folders.VOCABULARY, 64), 8, 48)
    assert plain.tokens(["a"]) == [[4]]
    with pytest.raises(InvalidRequest, match=r"^text 1 has no tokens, and nothing can be said about it$"):
        plain.tokens(["a", " "])


@pytest.mark.parametrize("text", ["", "ab", "abcdef", "a b c d e f", "9 8 7"])
def test_a_text_that_fits_is_not_changed_by_cutting(text: str) -> None:
    assert model(truncate=True).tokens([text]) == model().tokens([text])


def test_cutting_keeps_what_stands_around() -> None:
    (tokens,) = model(truncate=True).tokens(["a b c d e f g h"])
    assert tokens == [2, 4, 5, 6, 7, 8, 9, 3]
    with pytest.raises(InvalidRequest, match="lone surrogate"):
        model(truncate=True).tokens(["\ud800"])
    assert model(truncate=True).tokens(["a " * 1000 + "\ud800"])[0][-2:] == [4, 3], "what is cut is not looked at"
    assert model(truncate=True, limit=2).tokens(["ab"]) == [[2, 3]]
