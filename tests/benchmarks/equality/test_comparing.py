"""What counts as a wrong answer, a tie, and a likelihood that is too far away."""

from __future__ import annotations

import pytest
from benchmarks.equality.comparing import close_calls, verdict
from benchmarks.equality.reference import Told
from benchmarks.equality.serving import Answer

from jackfield import Response
from jackfield_plugins.generation.answer import Piece, Usage
from jackfield_plugins.generation.sampling.logprobs import Likelihood

RIGHT = Told([5, 6, 7], [[(5, -0.1), (9, -2.0)], [(6, -0.69310), (8, -0.69316)], [(7, -0.2), (1, -1.9)]], [-3.0])


def answer(tokens: list[int], likely: list[float], prompt: list[float] | None = None) -> Answer:
    told = [Likelihood(token, value) for token, value in zip(tokens, likely, strict=True)]
    more = {"usage": Usage(2, len(tokens), 0)}
    if prompt is not None:
        more["prompt_likelihoods"] = [None, *(Likelihood(0, value) for value in prompt)]  # type: ignore[assignment]
    return Answer(Piece(0, "", tokens, told, "length"), Response({}, more))


def test_what_is_right() -> None:
    found = verdict([[answer([5, 6, 7], [-0.1, -0.69315, -0.2], [-3.00005])]], [RIGHT])
    assert found.right
    assert (found.tokens, found.likelihoods) == (3, 4)
    assert found.furthest == pytest.approx(5e-5)


def test_another_token_is_wrong_and_one_as_likely_is_not() -> None:
    other = verdict([[answer([9, 6, 7], [-2.0, -0.7, -0.2])]], [RIGHT])
    assert not other.right
    assert (other.tokens, other.differ, other.ties) == (1, 1, 0)
    unknown = verdict([[answer([5, 6, 4], [-0.1, -0.69310, -0.2])]], [RIGHT])
    assert (unknown.differ, unknown.ties) == (1, 0)
    tie = verdict([[answer([5, 8, 4], [-0.1, -0.69316, -0.2])]], [RIGHT])
    assert tie.right
    assert (tie.tokens, tie.differ, tie.ties) == (2, 0, 1)
    assert close_calls([RIGHT]) == 1


def test_answers_that_are_too_short_are_wrong() -> None:
    found = verdict([[answer([5, 6], [-0.1, -0.6931])]], [RIGHT])
    assert found.differ == 1
    assert not verdict([], []).right, "nothing was compared"


def test_likelihoods_that_are_too_far_away_are_wrong() -> None:
    assert not verdict([[answer([5, 6, 7], [-0.1, -0.6931, -0.2002])]], [RIGHT]).right
    assert not verdict([[answer([5, 6, 7], [-0.1, -0.6931, -0.2], [-3.0002])]], [RIGHT]).right
