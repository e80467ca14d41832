"""What a backend is told of the steps to come."""

from __future__ import annotations

from typing import Any

import pytest

from jackfield.config import load
from jackfield.lifecycle.expecting import expected
from jackfield.plugins.registry import Registry

REGISTRY = Registry.installed()


def told(**model: Any) -> Any:
    return expected(load({"models": {"m": {"source": "m.onnx", **model}}}, REGISTRY).models["m"], REGISTRY)


def test_rows_are_those_that_the_policy_forms() -> None:
    found = told(batching={"max_batch_size": 12})
    assert (found.rows[0], found.rows[-1], found.max_rows) == (1, 12, 12)
    assert told(batching="none").rows == (1,)


def test_shapes_are_those_that_are_warmed_up_with() -> None:
    assert told(warm_up={"inputs": {"x": {"shape": [3, 8]}}}).shapes == {"x": (3, 8)}
    assert told(warm_up="off").shapes == {}


@pytest.mark.parametrize(
    ("pad", "lengths"),
    [
        ({"buckets": {"lengths": [32, 8]}}, {"": (8, 32)}),
        ({"axes": [{"name": "T"}], "buckets": {"lengths": [8]}}, {"T": (8,)}),
        ({"axes": [{"name": "T", "buckets": {"lengths": [4]}}], "buckets": {"lengths": [8]}}, {"T": (4,)}),
    ],
)
def test_lengths_are_those_that_axes_are_padded_to(pad: Any, lengths: Any) -> None:
    assert told(batching={"pad": pad}).lengths == lengths
    assert told().lengths == {}


def test_of_work_of_many_steps_nothing_is_told() -> None:
    assert told(batching="continuous").rows == (1,)
