"""Whom `dynamic` joins when it pads: as many as the budget allows, and never a step that breaks it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield import Options, Response
from jackfield.testing import ScriptedExecutor, Simulation, make_work
from jackfield_plugins.batching.fitting import fitting
from jackfield_plugins.scheduling.fifo import Fifo
from tests.plugins.batching.padded import padded, padding


def _chosen(widths: list[int], most: int = 32, rows: list[int] | None = None, **pad: Any) -> list[int]:
    """Places of the works that share the first one's step."""
    pads = padding(**pad)
    works = [make_work(rows[n] if rows else 1, width=width) for n, width in enumerate(widths)]
    for work in works:
        work.key, work.lengths = "one", pads.lengths(work.request.inputs)
    return [works.index(work) for work in fitting(iter(works), works[0], most, pads)]


FIVES: dict[str, Any] = {"buckets": {"multiples_of": 5}}


@pytest.mark.parametrize(
    ("widths", "options", "expected"),
    [
        ([4, 4, 4], FIVES, [0, 1, 2]),  # a fifth of the bucket is padding
        ([4, 16, 4], FIVES, [0, 2]),  # 20 in 5 waste less than 24 in 15
        ([4, 10, 10, 10], FIVES, [0, 1, 2, 3]),  # 34 of 40: many of full length make up for one
        ([4, 10], FIVES, [0]),  # 14 of 20
        ([4, 10], {**FIVES, "budget": 0.3}, [0, 1]),
        ([4, 4, 3], {**FIVES, "budget": 0.0}, [0, 1]),  # no bucket, and none of another length
        ([10, 1, 9, 8], FIVES, [0, 2, 3]),  # whoever is far shorter is left out
        ([600, 590], {"buckets": {"up_to": 512}}, [0, 1]),  # beyond the largest bucket
    ],
)
def test_as_many_as_the_budget_allows(widths: list[int], options: dict[str, Any], expected: list[int]) -> None:
    assert sorted(_chosen(widths, **options)) == expected


def test_those_of_one_length_are_taken_in_order_and_the_first_always() -> None:
    assert _chosen([4, 5, 5, 5, 5], most=3, **FIVES) == [0, 1, 2]


def test_rows_are_counted() -> None:
    assert sorted(_chosen([5, 5, 5, 5], most=4, rows=[1, 2, 3, 1], **FIVES)) == [0, 1, 3]
    assert _chosen([5, 5], most=2, rows=[3, 1], **FIVES) == [0]
    assert sorted(_chosen([5, 5], most=2, rows=[0, 0], **FIVES)) == [0, 1]


BUCKETS = st.sampled_from([{"lengths": [4, 9, 20]}, {"multiples_of": 6}, {}, {"up_to": 8}])


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    widths=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 3)), min_size=1, max_size=30),
    budget=st.sampled_from([0.0, 0.1, 0.25, 0.6, 1.0]),
    buckets=BUCKETS,
    most=st.integers(1, 12),
    preferred=st.lists(st.integers(1, 12), max_size=2),
)
def test_every_step_keeps_to_the_budget_and_every_answer_to_its_length(
    widths: list[tuple[int, int]], budget: float, buckets: dict[str, Any], most: int, preferred: list[int]
) -> None:
    policy = padded(budget, buckets, max_batch_size=most, preferred_batch_sizes=preferred)
    assert policy.padding is not None
    executor = ScriptedExecutor(policy.padding.signature)
    executor.padding = policy.padding
    simulation = Simulation(policy, Fifo(Options()), executor)
    works = [simulation.submit(make_work(min(rows, most), width=width, value=width)) for width, rows in widths]
    simulation.drain()
    for work in works:
        answer = simulation.answers[work]
        assert isinstance(answer, Response)
        assert np.array_equal(answer.outputs["y"], work.request.inputs["x"] * 2 + 1)
    for step, ran in zip(simulation.steps, executor.runs, strict=True):
        report = step.work[0].report
        assert report is not None
        real = sum(work.request.inputs["x"].size for work in step.work)
        assert (report.elements, report.padding) == (ran.size, ran.size - real)
        assert report.padding <= budget * report.elements
        longest = max(work.lengths for work in step.work)
        assert (ran.shape[1],) in {longest, policy.padding.rounded(longest)}


def test_of_many_that_wait_nobody_is_passed_over() -> None:
    simulation = Simulation(policy := padded(max_batch_size=4), Fifo(Options()))
    assert policy.padding is not None
    executor = simulation._executor._executor
    assert isinstance(executor, ScriptedExecutor)
    executor.signature, executor.padding = policy.padding.signature, policy.padding
    odd = simulation.submit(make_work(width=500))
    for number in range(200):
        simulation.later(number * 0.0001, lambda: simulation.submit(make_work(width=7, now=simulation.clock.now())))
    simulation.drain()
    assert simulation.steps[0].work == (odd,)


def test_without_padding_lengths_keep_works_apart() -> None:
    policy = padded()
    policy.padding = None
    simulation = Simulation(policy, Fifo(Options()))
    for width in (3, 4, 3):
        simulation.submit(make_work(width=width))
    simulation.drain()
    assert [len(step.work) for step in simulation.steps] == [2, 1]
