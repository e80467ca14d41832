"""Which axis is guessed to be the batch."""

from __future__ import annotations

import pytest

from jackfield import Datatype, Signature, TensorSpec
from jackfield.axes import with_batch_axis


def spec(name: str, *dims: int | str) -> TensorSpec:
    shape = tuple(d if isinstance(d, int) else -1 for d in dims)
    return TensorSpec(name, Datatype.FP32, shape, tuple("" if isinstance(d, int) or d == "?" else d for d in dims))


def axes(inputs: list[TensorSpec], outputs: list[TensorSpec]) -> tuple[list[int | None], list[int | None]]:
    found = with_batch_axis(Signature(tuple(inputs), tuple(outputs)))
    return [s.batch_axis for s in found.inputs], [s.batch_axis for s in found.outputs]


def test_a_shared_name_is_followed_wherever_it_stands() -> None:
    given = [spec("input", "N", "T"), spec("state", 2, "N", 128), spec("sr")]
    assert axes(given, [spec("out", "N", 1), spec("next", 2, "N", 128)]) == ([0, 1, None], [0, 1])


def test_a_name_that_says_batch_goes_before_the_first_axis() -> None:
    assert axes([spec("x", "T", "batch", 8)], [spec("y", "T", "batch", 4)]) == ([1], [1])
    assert axes([spec("x", "T", "N", 8)], [spec("y", "T", "N", 4)]) == ([0], [0])  # the probe will tell


def test_without_shared_names_it_is_axis_0_if_that_is_open() -> None:
    assert axes([spec("x", "?", 8), spec("table", 3)], [spec("y", "?", 4)]) == ([0, None], [0])
    assert axes([spec("x", "a", 8)], [spec("y", "b", 4)]) == ([0], [0])


def test_an_output_of_unknown_rank_gets_the_benefit_of_the_doubt() -> None:
    assert axes([spec("x", "N", 8)], [TensorSpec("y", Datatype.FP32, None)]) == ([0], [0])


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([spec("x", 1, 8)], [spec("y", 1, 4)]),
        ([spec("x", "N", 8)], [spec("y")]),
        ([spec("x", "N", 8)], [spec("y", "N", 4), spec("z", 4)]),
        ([spec("x")], [spec("y", "?")]),
        ([TensorSpec("x", Datatype.FP32, None)], [spec("y", "?", 2)]),
    ],
)
def test_where_nothing_can_be_joined_there_is_none(inputs: list[TensorSpec], outputs: list[TensorSpec]) -> None:
    assert axes(inputs, outputs) == ([None] * len(inputs), [None] * len(outputs))
