"""all-MiniLM-L6-v2: what transformers gives, alone and in any company, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield import Array
from tests.plugins.encoding import folders, minilm
from tests.plugins.encoding.steps import right

LENGTHS = [1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 31, 32, 33, 63, 64, 100, 127, 128, 129, 200, 255, 256, 257, 400, 511, 512]
ROWS = [folders.drawn(length, length, 1000, 30000) for length in LENGTHS]
TEXTS = [
    "",
    " ",
    "a",
    "Hello, world!",
    *(minilm.text(n, n) for n in (3, 9, 20, 55, 120)),
    "x" * 150,
    "日本語" * 30,
    "\0\n",
]


@pytest.fixture(scope="module")
def alone() -> list[Array]:
    return [right(minilm.executor(), [{"tokens": row[np.newaxis]}])[0] for row in ROWS]


def test_texts_of_1_to_512_tokens_are_what_transformers_gives(alone: list[Array]) -> None:
    for row, answer in zip(ROWS, alone, strict=True):
        assert answer.shape == (1, 384)
        assert np.abs(answer[0] - minilm.embedding(row)).max() < 1e-5


@pytest.mark.parametrize("order", ["as they come", "backwards", "shuffled", "twice"])
def test_company_changes_no_bit(alone: list[Array], order: str) -> None:
    places = list(range(len(ROWS)))
    if order == "backwards":
        places.reverse()
    if order == "shuffled":
        places = np.random.default_rng(1).permutation(places).tolist()
    if order == "twice":
        places = places[::2] * 2
    answers = right(minilm.executor(), [{"tokens": ROWS[place][np.newaxis]} for place in places])
    for place, answer in zip(places, answers, strict=True):
        np.testing.assert_array_equal(answer, alone[place])


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.lists(st.lists(st.integers(0, len(LENGTHS) - 6), min_size=1, max_size=5), min_size=1, max_size=6))
def test_any_batch_of_any_requests(alone: list[Array], requests: list[list[int]]) -> None:
    answers = right(minilm.executor(), [{"tokens": folders.filled([ROWS[place] for place in one])} for one in requests])
    for one, answer in zip(requests, answers, strict=True):
        np.testing.assert_array_equal(answer, np.concatenate([alone[place] for place in one]))


def test_texts_are_tokenized_as_the_package_does() -> None:
    answers = right(minilm.executor(), [{"text": folders.texts(*TEXTS)}, {"text": folders.texts(TEXTS[5])}])
    for text, answer in zip(TEXTS, answers[0], strict=True):
        expected = minilm.embedding(minilm.tokenizer().encode(text).ids)
        assert np.abs(answer - expected).max() < 1e-5
    np.testing.assert_array_equal(answers[1][0], answers[0][5])


def test_the_folder_says_how_texts_are_embedded() -> None:
    executor = folders.opened(minilm.FOLDER)
    assert (executor.about.limit, executor.about.dimensions) == (256, 384)
    (answer,) = right(executor, [{"text": folders.texts("one", "and another")}])
    np.testing.assert_allclose(np.linalg.norm(answer, axis=1), 1, atol=1e-6)


def test_similar_texts_are_near() -> None:
    texts = folders.texts("A cat sits on the mat.", "There is a kitten on the rug.", "Shares fell by four per cent.")
    (answer,) = right(minilm.executor(), [{"text": texts}])
    assert answer[0] @ answer[1] > 0.5
    assert answer[0] @ answer[2] < 0.2
