"""Buckets, and what works are padded to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from jackfield.padding import Buckets, PaddedAxis, Padding
from jackfield.testing import make_work
from jackfield.types import Array, Datatype, Signature, TensorSpec

TWO = Signature(
    (
        TensorSpec("image", Datatype.UINT8, (-1, -1, 3, -1), ("", "height", "", "width"), batch_axis=0),
        TensorSpec("columns", Datatype.FP32, (-1, -1), ("width", "batch"), batch_axis=1),
        TensorSpec("flag", Datatype.BOOL, (-1,), batch_axis=0),
    ),
    (TensorSpec("rows", Datatype.FP32, (-1, -1), ("", "height"), batch_axis=0),),
)


def _padding(budget: float = 0.5) -> Padding:
    return Padding(TWO, (PaddedAxis("height", (8, 16)), PaddedAxis("width", (10, 20))), budget, {})


def _inputs(height: int, width: int, rows: int = 1) -> dict[str, Array]:
    return {
        "image": np.zeros((rows, height, 3, width), np.uint8),
        "columns": np.zeros((width, rows), np.float32),
        "flag": np.zeros(rows, bool),
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"up_to": 20}, (1, 2, 4, 8, 16)),
        ({"up_to": 16}, (1, 2, 4, 8, 16)),
        ({"multiples_of": 8, "up_to": 30}, (8, 16, 24)),
        ({"lengths": [9, 3, 9]}, (3, 9)),
    ],
)
def test_buckets_ascend(given: dict[str, Any], expected: tuple[int, ...]) -> None:
    assert Buckets(**given).ascending() == expected


@pytest.mark.parametrize(
    "given",
    [
        {"lengths": [0]},
        {"multiples_of": 0},
        {"up_to": 0},
        {"lengths": [1], "multiples_of": 2},
        {"lengths": [True]},
        {"multiples_of": 64, "up_to": 32},
    ],
)
def test_buckets_that_make_no_sense_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Buckets(**given)


@pytest.mark.parametrize(("length", "expected"), [(0, 8), (8, 8), (9, 16), (16, 16), (17, 17)])
def test_lengths_are_rounded_up_to_the_largest_bucket(length: int, expected: int) -> None:
    assert PaddedAxis("height", (8, 16)).rounded(length) == expected


def test_axes_are_found_wherever_they_stand_but_for_the_batch() -> None:
    padding = _padding()
    assert padding.inputs == {"image": ((1, 0), (3, 1)), "columns": ((0, 1),)}
    assert padding.outputs == {"rows": ((1, 0),)}
    assert padding.lengths(_inputs(5, 7)) == (5, 7)
    assert padding.lengths({}) == (0, 0)


def test_elements_are_those_of_all_padded_inputs() -> None:
    work = make_work()
    work.request.inputs = _inputs(5, 7, rows=2)
    assert _padding().scale(work).elements((5, 7)) == 5 * 3 * 7 + 7


@pytest.mark.parametrize(
    ("sizes", "budget", "expected"),
    [
        ([(5, 7)], 0.7, (8, 10)),
        ([(5, 7)], 0.5, (5, 7)),  # 138 of 250 elements would be padding
        ([(5, 7), (8, 10)], 0.5, (8, 10)),
        ([(9, 7), (5, 11)], 0.0, (9, 11)),  # they are together already: so much must be padded
        ([(30, 40)], 0.0, (30, 40)),
    ],
)
def test_a_bucket_is_used_if_the_budget_allows(
    sizes: list[tuple[int, int]], budget: float, expected: tuple[int, int]
) -> None:
    padding, works = _padding(budget), []
    for height, width in sizes:
        work = make_work()
        work.request.inputs = _inputs(height, width)
        work.lengths = padding.lengths(work.request.inputs)
        works.append(work)
    assert padding.target(works) == expected
