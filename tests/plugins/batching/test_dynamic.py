"""The policy `dynamic`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from jackfield import Options
from jackfield.testing import ScriptedExecutor, Simulation, make_work
from jackfield.types import Capabilities
from jackfield_plugins.batching.dynamic import Dynamic, DynamicOptions
from jackfield_plugins.scheduling.fifo import Fifo
from tests.plugins.batching.closed import Clients

EPSILON = 1e-9


def _dynamic(**options: Any) -> Dynamic:
    return Dynamic(DynamicOptions(**options))


def _at_once(
    rows: list[int], most: int | None = None, widths: list[int] | None = None, **options: Any
) -> list[list[int]]:
    """The rows of the works of each step, when all arrive at one moment."""
    executor = ScriptedExecutor(capabilities=Capabilities(max_rows=most))
    simulation = Simulation(_dynamic(**options), Fifo(Options()), executor)
    for number, count in enumerate(rows):
        simulation.submit(make_work(count, width=widths[number] if widths else 2))
    simulation.drain()
    return [[work.rows for work in step.work] for step in simulation.steps]


@pytest.mark.parametrize("lanes", [1, 2])
def test_one_client_never_waits(lanes: int) -> None:
    clients = Clients(_dynamic(), 1, lanes=lanes)
    assert len(clients.run(1.0)) > 200
    assert max(clients.delays()) == 0.0


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("number", [2, 3, 8, 16])
@pytest.mark.parametrize("milliseconds", [0.5, 4.0, 40.0])
def test_clients_that_come_back_are_batched_together(lanes: int, number: int, milliseconds: float) -> None:
    clients = Clients(_dynamic(), number, lanes=lanes, duration=lambda step: milliseconds / 1000)
    sizes = clients.run(50 * milliseconds / 1000 + 0.05)
    assert set(sizes[-10:]) == {number}


def test_eight_clients_of_several_rows_fill_a_step() -> None:
    sizes = Clients(_dynamic(max_batch_size=24), 8, rows=3).run(0.5)
    assert set(sizes[-50:]) == {24}


def test_clients_that_overfill_a_step_keep_it_full() -> None:
    sizes = Clients(_dynamic(max_batch_size=8), 20).run(0.5)
    assert set(sizes[-50:]) == {8}


def test_after_an_overload_clients_are_batched_again() -> None:
    clients = Clients(_dynamic(max_batch_size=8), 100)
    clients.run(0.5)
    clients.leave(6)
    clients.run(0.5)
    assert set(clients.run(0.2)[-20:]) == {6}


def test_clients_of_different_keys_never_share_a_step_and_all_are_served() -> None:
    clients = Clients(_dynamic(), 8, widths=(2, 3))
    clients.run(0.5)
    for step in clients.simulation.steps:
        assert len({work.key for work in step.work}) == 1
    served = dict.fromkeys({work.key for work in clients.simulation.answers}, 0)
    for work in clients.simulation.answers:
        served[work.key] += 1
    assert len(served) == 2
    assert min(served.values()) > 0.8 * max(served.values())


@pytest.mark.parametrize("lanes", [1, 2])
def test_clients_that_do_not_come_back_are_not_waited_for(lanes: int) -> None:
    simulation = Simulation(_dynamic(), Fifo(Options()), lanes=lanes, duration=lambda step: 0.001)
    for number in range(100):
        simulation.later(number * 0.0105, lambda: simulation.submit(make_work(now=simulation.clock.now())))
    simulation.advance(2.0)
    waits = [step.started - step.work[0].arrival for step in simulation.steps]
    assert len(waits) == 100
    assert max(waits) < EPSILON


def test_those_that_leave_are_unlearned() -> None:
    clients = Clients(_dynamic(max_delay_ms=3.0), 8)
    clients.run(0.5)
    clients.leave(1)
    clients.run(0.1)
    before = len(clients.delays())
    clients.run(0.5)
    assert max(clients.delays()[before:]) < EPSILON


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    arrivals=st.lists(st.tuples(st.floats(0, 0.02), st.integers(1, 3)), min_size=1, max_size=40),
    delay_ms=st.sampled_from([0.0, 1.0, 3.0]),
    lanes=st.sampled_from([1, 2]),
)
def test_an_idle_device_waits_no_longer_than_max_delay(
    arrivals: list[tuple[float, int]], delay_ms: float, lanes: int
) -> None:
    simulation = Simulation(
        _dynamic(max_delay_ms=delay_ms, max_batch_size=8), Fifo(Options()), lanes=lanes, duration=lambda step: 0.001
    )
    for at, rows in arrivals:
        simulation.later(at, lambda rows=rows: simulation.submit(make_work(rows, now=simulation.clock.now())))  # type: ignore[misc]
    simulation.advance(0.03)
    simulation.drain()
    free = 0.0
    for step in simulation.steps:
        assert step.started - max(step.work[0].arrival, free) <= delay_ms / 1000 + EPSILON
        free = step.ended


def test_a_full_step_starts_at_once() -> None:
    simulation = Simulation(_dynamic(max_batch_size=4), Fifo(Options()), duration=lambda step: 0.01)
    for _ in range(4):
        simulation.submit(make_work())
    simulation.advance(0.0)
    assert [len(step.work) for step in simulation.steps] == [4]
    assert simulation.steps[0].started == 0.0


@pytest.mark.parametrize(
    ("rows", "options", "steps"),
    [
        ([1] * 10, {"max_batch_size": 4}, [4, 4, 2]),
        ([3, 3, 3], {"max_batch_size": 4}, [3, 3, 3]),
        ([3, 2, 1], {"max_batch_size": 4}, [4, 2]),  # what fits is taken, past what does not
        ([5], {"max_batch_size": 8}, [5]),
        ([0, 0, 2], {"max_batch_size": 4}, [2]),
        ([0], {}, [0]),
    ],
)
def test_rows_are_counted_and_not_requests(rows: list[int], options: dict[str, Any], steps: list[int]) -> None:
    assert [sum(step) for step in _at_once(rows, **options)] == steps


@pytest.mark.parametrize(
    ("waiting", "steps"),
    [(8, [8]), (16, [8, 8]), (9, [8, 1]), (7, [4, 3]), (3, [3]), (12, [8, 4])],
)
def test_preferred_sizes_are_formed_while_they_can_be(waiting: int, steps: list[int]) -> None:
    assert [sum(s) for s in _at_once([1] * waiting, max_batch_size=16, preferred_batch_sizes=(4, 8))] == steps


def test_a_request_larger_than_the_preferred_size_is_served() -> None:
    assert _at_once([6, 1], max_batch_size=8, preferred_batch_sizes=(4,)) == [[6], [1]]


def test_the_device_may_take_fewer_rows_than_the_policy() -> None:
    assert [sum(step) for step in _at_once([1] * 7, most=3, max_batch_size=32)] == [3, 3, 1]


def test_the_oldest_goes_first_whatever_its_key() -> None:
    steps = _at_once([1, 1, 1, 1], widths=[2, 3, 2, 3])
    assert [len(step) for step in steps] == [2, 2]


def test_with_a_busy_device_only_full_steps_are_planned_ahead() -> None:
    simulation = Simulation(_dynamic(max_batch_size=4), Fifo(Options()), lanes=2, duration=lambda step: 0.01)
    simulation.submit(make_work())
    simulation.advance(0.001)
    for _ in range(3):
        simulation.submit(make_work(now=0.001))
    simulation.advance(0.001)
    assert len(simulation.steps) == 1
    simulation.submit(make_work(now=0.002))
    simulation.advance(0.0)
    assert [(len(step.work), step.planned) for step in simulation.steps] == [(1, 0.0), (4, 0.002)]
    simulation.drain()
    assert simulation.steps[1].started == simulation.steps[0].ended


def test_steps_follow_one_another_without_a_gap_while_enough_waits() -> None:
    clients = Clients(_dynamic(max_batch_size=4), 12, lanes=2)
    clients.run(0.5)
    steps = [step for step in clients.simulation.steps if step.ended][5:]
    assert all(later.started - earlier.ended < EPSILON for earlier, later in pairwise(steps))


def test_sizes_for_warming_up_are_those_that_it_forms() -> None:
    assert list(_dynamic(max_batch_size=12, preferred_batch_sizes=(6, 40)).sizes()) == [1, 2, 4, 6, 8, 12]
    assert _dynamic(max_batch_size=12).max_rows == 12


@pytest.mark.parametrize("options", [{"preferred_batch_sizes": (0,)}, {"max_batch_size": 0}, {"max_delay_ms": -1}])
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DynamicOptions(**options)
