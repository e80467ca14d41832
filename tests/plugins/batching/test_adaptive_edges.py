"""The policy `adaptive` where a step has no rows or takes no time."""

from __future__ import annotations

import pytest

from jackfield import Options, State
from jackfield.testing import Simulation, make_work
from jackfield_plugins.batching.adaptive import Adaptive, AdaptiveOptions
from jackfield_plugins.batching.pace import Pace
from jackfield_plugins.scheduling.fifo import Fifo


@pytest.mark.parametrize(("rows", "seconds"), [(0, 0.1), (4, 0.0), (4, -1.0)])
def test_what_says_nothing_is_not_learned(rows: int, seconds: float) -> None:
    pace = Pace((1, 2, 4, 8), 0.2)
    pace.learn(rows, seconds)
    assert (pace.known(), pace.seconds(0), pace.seconds(8)) == ({}, None, None)
    pace.learn(2, 0.5)
    assert all((pace.seconds(n) or 0) > 0 for n in range(10))


@pytest.mark.parametrize("milliseconds", [0.0, 1.0])
@pytest.mark.parametrize("lanes", [1, 2])
def test_requests_without_rows_harm_nobody(lanes: int, milliseconds: float) -> None:
    policy = Adaptive(AdaptiveOptions(max_batch_size=8, explore_every=2))
    simulation = Simulation(policy, Fifo(Options()), lanes=lanes, duration=lambda step: milliseconds / 1000)
    for number in range(40):
        for rows in (0, 1 + number % 3):
            simulation.submit(make_work(rows, now=simulation.clock.now()))
        simulation.advance(0.002)
    simulation.drain()
    assert simulation.counts == {State.COMPLETED: 80}
