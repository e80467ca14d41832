"""The kit for tests: time, work, registry, and the engine without threads."""

from __future__ import annotations

import pytest

from jackfield.errors import PluginError, Unavailable
from jackfield.interfaces import Observer
from jackfield.testing import (
    DOUBLE,
    Fault,
    ScriptedExecutor,
    Simulation,
    Stuck,
    VirtualClock,
    make_work,
    registry_of,
    signature_of,
)
from jackfield.types import Capabilities
from jackfield.work import Response, Result, State, Work
from jackfield_plugins import routing
from tests.core.engine.plain import InOrder, everything, when_free


def test_time_passes_only_when_told_and_never_backwards() -> None:
    clock = VirtualClock(5.0)
    assert (clock.now(), clock.advance(1.5), clock.reach(3.0), clock.reach(7.0)) == (5.0, 6.5, 6.5, 7.0)
    for seconds in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="backwards"):
            clock.advance(seconds)


def test_work_is_weighed_as_a_version_would() -> None:
    work = make_work(3, value=1.0, width=4, now=2.0, timeout=0.5, priority=2)
    assert (work.rows, work.bytes, work.arrival, work.deadline, work.request.priority) == (3, 48, 2.0, 2.5, 2)
    assert work.key == make_work(1, width=4).key != make_work(1, width=5).key
    assert DOUBLE == signature_of(0) != signature_of(1)


def test_a_registry_of_modules_and_classes() -> None:
    class Mine(Observer):
        pass

    registry = registry_of(routing, observer={"mine": Mine})
    assert registry.get("observer", "mine") is Mine
    assert set(registry.socket("router")) == {"least-loaded", "prefix-affinity", "round-robin"}
    with pytest.raises(ValueError, match="no socket 'observers'"):
        registry_of(observers={"mine": Mine})
    with pytest.raises(PluginError, match="must be a subclass of"):
        registry_of(router={"mine": Mine})


def test_nothing_happens_before_time_passes() -> None:
    simulation = Simulation(everything(), InOrder())
    work = simulation.submit(make_work(2, value=3.0))
    assert (simulation.outstanding, simulation.steps, simulation.idle) == (1, [], True)
    simulation.advance(0.0)
    assert not simulation.idle
    simulation.advance(0.001)
    answer = simulation.answers[work]
    assert isinstance(answer, Response)
    assert (answer.outputs["y"] == 7.0).all()
    assert (simulation.outstanding, simulation.counts) == (0, {State.COMPLETED: 1})


@pytest.mark.parametrize(("lanes", "planned"), [(1, [0.0, 1.0]), (2, [0.0, 0.5])])
def test_with_two_lanes_a_step_is_planned_while_another_runs(lanes: int, planned: list[float]) -> None:
    simulation = Simulation(everything(), InOrder(), lanes=lanes, duration=lambda step: 1.0)
    simulation.submit(make_work())
    simulation.advance(0.5)
    simulation.submit(make_work())
    simulation.drain()
    assert [(step.planned, step.started, step.ended) for step in simulation.steps] == [
        (planned[0], 0.0, 1.0),
        (planned[1], 1.0, 2.0),
    ]


def test_bisection_takes_its_time() -> None:
    executor = ScriptedExecutor(poison={6.0: Fault.RAISE})
    simulation = Simulation(everything(), InOrder(), executor, duration=lambda step: 1.0)
    good, bad = simulation.submit(make_work(value=1.0)), simulation.submit(make_work(value=6.0))
    simulation.drain()
    (step,) = simulation.steps
    assert step.executed == [(good, bad), (good,), (bad,)]
    assert (step.ended, good.final, bad.final) == (3.0, State.COMPLETED, State.FAILED)


def test_a_client_may_ask_again_when_it_is_answered() -> None:
    simulation = Simulation(when_free(), InOrder(), duration=lambda step: 0.1)
    asked: list[Work] = []

    def ask(*_: object) -> None:
        if len(asked) < 5:
            asked.append(simulation.submit(make_work(now=simulation.clock.now(), sink=again)))

    def again(work: Work, result: Result) -> None:
        simulation.later(0.05, ask)

    ask()
    simulation.advance(10.0)
    assert [round(work.arrival, 6) for work in asked] == [0.0, 0.15, 0.3, 0.45, 0.6]


def test_when_the_worker_is_gone_all_work_is_answered() -> None:
    executor = ScriptedExecutor(capabilities=Capabilities(max_rows=1), script=[None, Fault.UNAVAILABLE])
    simulation = Simulation(everything(), InOrder(), executor, lanes=2)
    works = [simulation.submit(make_work()) for _ in range(4)]
    simulation.drain()
    assert [work.final for work in works] == [State.COMPLETED, State.FAILED, State.FAILED, State.FAILED]
    assert not simulation.alive
    with pytest.raises(Unavailable):
        simulation.submit(make_work())


def test_what_never_ends_is_said_to_be_stuck() -> None:
    simulation = Simulation(everything(), InOrder(), duration=lambda step: 100.0)
    simulation.submit(make_work())
    with pytest.raises(Stuck, match="1 works are left without an answer"):
        simulation.drain(longest=10.0)
