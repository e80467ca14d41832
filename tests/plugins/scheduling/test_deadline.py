"""Scheduler `deadline`: what is due first runs first, and what is hopeless costs nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield import State, Work
from jackfield.testing import Simulation, make_work
from jackfield_plugins.batching.single import Single, SingleOptions
from jackfield_plugins.scheduling.deadline import Deadline, DeadlineOptions


def _deadline(assumed_s: float = 60.0) -> Deadline:
    return Deadline(DeadlineOptions(assumed_s=assumed_s))


@settings(deadline=None, derandomize=True, max_examples=100)
@given(steps=st.lists(st.tuples(st.integers(0, 10), st.one_of(st.none(), st.floats(0, 5)), st.booleans()), max_size=30))
def test_in_the_order_of_deadlines_and_none_lost(steps: list[tuple[int, float | None, bool]]) -> None:
    scheduler, inside = _deadline(assumed_s=2.0), list[tuple[float, Work]]()
    for index, timeout, leaves in steps:
        if leaves and inside:
            scheduler.remove(inside.pop(index % len(inside))[1])
        else:
            work = make_work(now=float(index), timeout=timeout)
            scheduler.add(work, float(index))
            inside.append((index + (2.0 if timeout is None else timeout), work))
        due = {work: when for when, work in inside}
        offered = list(scheduler.offer(0.0))
        assert sorted(due.values()) == [due[work] for work in offered]
        assert len(scheduler) == len(inside)


def test_of_one_deadline_the_first_to_come_runs_first() -> None:
    scheduler = _deadline()
    works = [make_work(timeout=1.0) for _ in range(5)]
    for work in works:
        scheduler.add(work, 0.0)
    assert list(scheduler.offer(0.0)) == works


def test_work_without_a_deadline_gets_its_turn() -> None:
    simulation = Simulation(Single(SingleOptions()), _deadline(assumed_s=0.05), duration=lambda step: 0.01)
    patient = simulation.submit(make_work())
    for number in range(40):  # urgent work comes as fast as it can be done
        simulation.later(number * 0.01, lambda: simulation.submit(make_work(now=simulation.clock.now(), timeout=0.06)))
    simulation.advance(0.2)
    assert patient.final is State.COMPLETED


def test_what_can_no_longer_be_met_never_reaches_the_device() -> None:
    simulation = Simulation(Single(SingleOptions()), _deadline(), duration=lambda step: 0.1)
    simulation.submit(make_work())
    simulation.advance(0.15)  # it is known now that a step takes 0.1 s
    now = simulation.clock.now()
    simulation.submit(make_work(now=now, timeout=0.12))
    hopeless = simulation.submit(make_work(now=now, timeout=0.14))
    behind = simulation.submit(make_work(now=now, timeout=0.25))
    simulation.drain()
    assert hopeless.final is State.EXPIRED
    assert hopeless not in {work for step in simulation.steps for work in step.work}
    assert behind.final is State.COMPLETED


def test_more_deadlines_are_met_than_first_come_first_served() -> None:
    def met(scheduler: Deadline) -> int:
        simulation = Simulation(Single(SingleOptions()), scheduler, duration=lambda step: 0.1)
        for timeout in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.15):
            simulation.submit(make_work(timeout=timeout))
        simulation.drain()
        return simulation.counts[State.COMPLETED]

    class Arrival(Deadline):
        foresees = False

        def add(self, work: Work, now: float) -> None:
            work.deadline, due = None, work.deadline
            super().add(work, now)
            work.deadline = due

    assert met(_deadline()) > met(Arrival(DeadlineOptions()))
