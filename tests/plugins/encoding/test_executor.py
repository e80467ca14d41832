"""The executor: which request fails, and that no other does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jackfield import Array, Datatype
from jackfield.errors import InvalidRequest, JackfieldError
from jackfield_plugins.encoding.executor import EncoderExecutor
from tests.plugins.encoding import folders
from tests.plugins.encoding.steps import right, run


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> EncoderExecutor:
    folder = tmp_path_factory.mktemp("bert")
    folders.save("bert", folder)
    return folders.opened(folder)


GOOD = [{"text": folders.texts("one", "and 22")}, {"text": folders.texts("three")}]
WRONG: list[tuple[dict[str, Array], str]] = [
    ({"text": folders.texts("a", b"\xff")}, r"^input 'text': text 1 is not UTF-8 \(invalid start byte at byte 0\)$"),
    ({"text": folders.texts(b"a\xed\xa0\x80")}, r"^input 'text': text 0 is not UTF-8 \(invalid continuation byte at b"),
    (
        {"text": folders.texts("a", "b", "c" * 63)},
        r"^text 2 has 65 tokens, and the model takes at most 64: shorten it$",
    ),
    (
        {"text": folders.texts("a", "word " * 100_000)},
        r"^text 1 has 500000 bytes, and at most \d+ are looked at: the model takes 64 tokens$",
    ),
    ({"tokens": folders.filled([[5], [5] * 65])}, r"^input 'tokens': text 1 has 65 tokens, and must have 1 to 64$"),
    ({"tokens": np.full((2, 3), -1, np.int32)}, r"^input 'tokens': text 0 has 0 tokens, and must have 1 to 64$"),
    ({"tokens": np.zeros((1, 0), np.int32)}, r"^input 'tokens': text 0 has 0 tokens, and must have 1 to 64$"),
    (
        {"tokens": np.array([[5, 76]], np.int32)},
        r"^input 'tokens': text 0 has the token 76, and those of the model are 0 to 75; -1 fills a row up at its end$",
    ),
    ({"tokens": np.array([[5, -1, 6]], np.int32)}, r"^input 'tokens': text 0 has the token -1, and those of"),
    ({"tokens": np.array([[5, -7]], np.int32)}, r"^input 'tokens': text 0 has the token -7, and those of"),
    ({}, r"^a request has either the input 'text' or the input 'tokens', and this has neither$"),
    (
        {"text": folders.texts("a"), "tokens": np.array([[5]], np.int32)},
        r"^a request has either the input 'text' or the input 'tokens', and this has both$",
    ),
]


@pytest.mark.parametrize(("wrong", "sentence"), WRONG)
def test_what_is_wrong_fails_alone(executor: EncoderExecutor, wrong: dict[str, Array], sentence: str) -> None:
    expected = right(executor, GOOD)
    for place in range(3):
        answers = run(executor, [*GOOD[:place], wrong, *GOOD[place:]])
        with pytest.raises(InvalidRequest, match=sentence):
            raise _error(answers.pop(place))
        for answer, right_one in zip(answers, expected, strict=True):
            assert isinstance(answer, np.ndarray)
            np.testing.assert_array_equal(answer, right_one)
    assert isinstance(run(executor, [wrong])[0], InvalidRequest), "nothing is left to run"


def test_rows_of_several_lengths_are_filled_up(executor: EncoderExecutor) -> None:
    rows = [folders.drawn(n, n) for n in (1, 9, 4, 64)]
    (together,) = right(executor, [{"tokens": folders.filled(rows)}])
    for row, answer in zip(rows, together, strict=True):
        np.testing.assert_array_equal(right(executor, [{"tokens": row[np.newaxis]}])[0][0], answer)


def test_a_text_is_its_tokens(executor: EncoderExecutor) -> None:
    tokens = executor.about.tokens(["abc 1"])[0]
    assert [folders.PIECES[token] for token in tokens] == ["[CLS]", "a", "##b", "##c", "1", "[SEP]"]
    text, own = right(executor, [{"text": folders.texts("abc 1")}, {"tokens": np.array([tokens], np.int32)}])
    np.testing.assert_array_equal(text, own)


def test_requests_without_rows_are_answered_without_rows(executor: EncoderExecutor) -> None:
    for empty in ({"text": folders.texts()}, {"tokens": np.zeros((0, 5), np.int32)}):
        answers = right(executor, [GOOD[0], empty])
        assert answers[1].shape == (0, 48)
        assert right(executor, [empty])[0].shape == (0, 48)


def test_long_texts_are_cut_where_it_is_asked_for(tmp_path: Path) -> None:
    folders.save("bert", tmp_path)
    executor = folders.opened(tmp_path, truncate=True)
    long = "abcdefghij" * 10_000
    (answer,) = right(executor, [{"text": folders.texts(long, "ab")}])
    unknown = [2, folders.PIECES.index("[UNK]"), 3]  # a word of more than a hundred letters
    np.testing.assert_array_equal(answer[0], right(executor, [{"tokens": np.array([unknown], np.int32)}])[0][0])
    spaced = " ".join(long)
    kept = [2, *(folders.PIECES.index(letter) for letter in long[:62]), 3]
    (answer,) = right(executor, [{"text": folders.texts(spaced)}])
    np.testing.assert_array_equal(answer, right(executor, [{"tokens": np.array([kept], np.int32)}])[0])
    assert isinstance(run(executor, [{"tokens": folders.filled([[5] * 65])}])[0], InvalidRequest), "tokens are not cut"


def test_what_planners_and_endpoints_are_told(executor: EncoderExecutor) -> None:
    signature = executor.signature
    described: list[tuple[Any, ...]] = [
        (spec.name, spec.datatype, spec.shape, spec.batch_axis, spec.optional, spec.ragged) for spec in signature.inputs
    ]
    assert described == [
        ("tokens", Datatype.INT32, (-1, -1), 0, True, True),
        ("text", Datatype.BYTES, (-1,), 0, True, False),
    ]
    assert [(spec.name, spec.shape, spec.batch_axis) for spec in signature.outputs] == [("embedding", (-1, 48), 0)]
    assert executor.capabilities.mixed_shapes
    assert not executor.capabilities.padding


def _error(answer: Array | JackfieldError) -> JackfieldError:
    assert isinstance(answer, JackfieldError), "it was answered as if nothing were wrong"
    return answer
