"""`group_by` of `dynamic` and `adaptive`: works that differ in it never share a step, and all of them are served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from jackfield import BatchingPolicy, Options
from jackfield.testing import Simulation, make_work
from jackfield_plugins.batching.adaptive import Adaptive, AdaptiveOptions
from jackfield_plugins.batching.dynamic import Dynamic, DynamicOptions
from jackfield_plugins.scheduling.fifo import Fifo

POLICIES: list[Callable[..., BatchingPolicy]] = [
    lambda **options: Dynamic(DynamicOptions(**options)),
    lambda **options: Adaptive(AdaptiveOptions(**options)),
]


def _steps(policy: BatchingPolicy, requests: Sequence[dict[str, Any]]) -> list[list[int]]:
    """Which of `requests`, all of one moment, shared a step."""
    simulation = Simulation(policy, Fifo(Options()))
    works = [simulation.submit(make_work(**one)) for one in requests]
    simulation.drain()
    assert all(work.error is None for work in works)
    return [[works.index(work) for work in step.work] for step in simulation.steps]


@pytest.mark.parametrize("make", POLICIES)
@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("tenant", {"tenant": "a"}, {"tenant": "b"}),
        ("priority", {"priority": 1}, {"priority": 2}),
        ("outputs", {"outputs": ("y",)}, {}),
        ("parameters.language", {"parameters": {"language": "de"}}, {"parameters": {}}),
        ("parameters.a.b", {"parameters": {"a.b": [1, {"x": None}]}}, {"parameters": {"a.b": [1, {"x": 0}]}}),
    ],
)
def test_works_that_differ_in_it_never_share_a_step(
    make: Callable[..., BatchingPolicy], key: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert _steps(make(group_by=[key]), [one, other, one, other]) == [[0, 2], [1, 3]]
    assert _steps(make(), [one, other, one, other]) == [[0, 1, 2, 3]]


@pytest.mark.parametrize("make", POLICIES)
def test_parameters_of_any_kind_and_size_are_served(make: Callable[..., BatchingPolicy]) -> None:
    values: list[Any] = [{1, 2}, "x" * 1_000_000, [[]] * 5000, float("nan"), float("nan"), {"a": {}}, {"a": {}}]
    steps = _steps(make(group_by=["parameters.p"]), [{"parameters": {"p": value}} for value in values])
    assert sorted(map(sorted, steps)) == [[0], [1], [2], [3, 4], [5, 6]]


@pytest.mark.parametrize("key", ["Tenant", "tenants", "parameters.", "parameters", ""])
@pytest.mark.parametrize("options", [DynamicOptions, AdaptiveOptions])
def test_what_cannot_be_grouped_by_is_refused(options: Callable[..., Options], key: str) -> None:
    with pytest.raises(ValidationError):
        options(group_by=[key])
