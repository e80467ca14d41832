"""The policy `none`."""

from __future__ import annotations

import pytest

from jackfield import Options
from jackfield.testing import Simulation, make_work
from jackfield_plugins.batching.single import Single, SingleOptions
from jackfield_plugins.scheduling.fifo import Fifo


@pytest.mark.parametrize("lanes", [1, 2])
def test_requests_run_one_by_one_in_order_and_without_a_gap(lanes: int) -> None:
    simulation = Simulation(Single(SingleOptions()), Fifo(Options()), lanes=lanes, duration=lambda step: 0.25)
    works = [simulation.submit(make_work(rows)) for rows in (1, 5, 0, 2)]
    simulation.drain()
    assert [list(step.work) for step in simulation.steps] == [[work] for work in works]
    assert [step.started for step in simulation.steps] == [0.0, 0.25, 0.5, 0.75]


def test_its_largest_request_is_an_option() -> None:
    assert Single(SingleOptions(max_batch_size=5)).max_rows == 5
    assert list(Single(SingleOptions()).sizes()) == [1]
