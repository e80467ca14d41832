"""Whatever a policy or a scheduler does, the planner loses no work and goes on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from jackfield.engine.planner import Planner
from jackfield.errors import ExecutionFailed, Expired, JackfieldError
from jackfield.interfaces import Capacity, Scheduler, Waiting
from jackfield.testing import Simulation, make_work
from jackfield.work import Response, State, Step, Wait, Work
from tests.core.engine.plain import InOrder, Plan, Planned, everything, when_free

STRANGER = make_work()
FOREIGN: dict[str, Plan] = {
    "raises": lambda waiting, running, capacity, now: 1 / 0,
    "gives up iterating": lambda waiting, running, capacity, now: next(iter(())),
    "foreign work": lambda waiting, running, capacity, now: [STRANGER],
    "what is running": lambda waiting, running, capacity, now: list(running) or [STRANGER],
    "twice": lambda waiting, running, capacity, now: [next(iter(waiting))] * 2,
    "different keys": lambda waiting, running, capacity, now: (
        list(waiting) if len({work.key for work in waiting}) > 1 else 1 / 0
    ),
    "too many rows": lambda waiting, running, capacity, now: list(waiting) if waiting.rows > 4 else 1 / 0,
    "nothing": lambda waiting, running, capacity, now: [],
    "none": lambda waiting, running, capacity, now: None,
    "a number": lambda waiting, running, capacity, now: 7,
    "a work": lambda waiting, running, capacity, now: next(iter(waiting)),
    "strings": lambda waiting, running, capacity, now: ["x"],
    "a wait of words": lambda waiting, running, capacity, now: Wait("soon"),  # type: ignore[arg-type]
    "a wait for words": lambda waiting, running, capacity, now: Wait(1.0, "many"),  # type: ignore[arg-type]
}


def _planner(plan: Plan | Planned) -> tuple[Planner, list[tuple[Work, Any]]]:
    refused: list[tuple[Work, Any]] = []
    policy = plan if isinstance(plan, Planned) else Planned(plan)
    return Planner(
        "m/1/0", policy, InOrder(), lambda: Capacity(4), lambda work, error: refused.append((work, error))
    ), refused


@pytest.mark.parametrize("fault", FOREIGN)
def test_a_faulty_policy_costs_each_work_an_answer_and_never_the_loop(fault: str) -> None:
    planner, refused = _planner(FOREIGN[fault])
    works = [make_work(1 + number % 3, width=1 + number % 2) for number in range(6)]
    for work in works:
        planner.admit(work, 0.0)
    steps: list[Step] = []
    while isinstance(plan := planner.next(0.0), Step):
        steps.append(plan)
    assert plan == Wait(None)
    answered = [work for work, _ in refused] + [work for step in steps for work in step.work]
    assert sorted(map(id, answered)) == sorted(map(id, works))
    assert all(isinstance(error, ExecutionFailed) for _, error in refused)
    assert {str(error) for _, error in refused} <= {"the batching policy or scheduler of replica 'm/1/0' failed"}
    assert (len(planner.queue), planner.queue.rows) == (0, 0)


def test_the_oldest_pays_for_a_policy_that_raises_and_the_others_go_on() -> None:
    outcomes: list[Any] = [ZeroDivisionError, None]

    def plan(waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Any:
        if outcomes.pop(0):
            raise ZeroDivisionError
        return list(waiting)

    planner, refused = _planner(plan)
    first, second = make_work(), make_work()
    planner.admit(first, 0.0)
    planner.admit(second, 0.0)
    step = planner.next(0.0)
    assert isinstance(step, Step)
    assert list(step.work) == [second]
    assert [work for work, _ in refused] == [first]


def test_what_is_planned_leaves_the_queue_and_runs_until_the_step_has_ended() -> None:
    planner, _ = _planner(everything())
    works = [make_work(2, now=1.0), make_work(1, now=1.0)]
    for work in works:
        planner.admit(work, 1.0)
    step = planner.next(2.0)
    assert isinstance(step, Step)
    assert (step.rows, len(planner.queue), planner.busy, planner.running) == (3, 0, True, works)
    report = works[0].report
    assert report is not None
    assert (report.replica, report.rows, report.size, report.started) == ("m/1/0", 3, 2, 2.0)
    assert works[1].report is report
    assert {work.state for work in works} == {State.RUNNING}
    planner.ended(step, 3.0, [Response({})] * 2)
    assert (planner.busy, planner.running) == (False, [])


def test_a_single_work_may_have_more_rows_than_fit() -> None:
    planner, refused = _planner(lambda waiting, *_: [next(iter(waiting))])
    planner.admit(make_work(9), 0.0)
    step = planner.next(0.0)
    assert isinstance(step, Step)
    assert (step.rows, refused) == (9, [])


def test_a_policy_is_told_whether_the_device_is_busy() -> None:
    seen: list[tuple[bool, int]] = []

    def plan(waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Any:
        seen.append((capacity.busy, len(running)))
        return [next(iter(waiting))]

    planner, _ = _planner(plan)
    for _ in range(2):
        planner.admit(make_work(), 0.0)
    first = planner.next(0.0)
    planner.next(0.0)
    assert isinstance(first, Step)
    planner.ended(first, 0.0, [Response({})])
    planner.admit(make_work(), 0.0)
    planner.next(0.0)
    assert seen == [(False, 0), (True, 1), (True, 1)]


@pytest.mark.parametrize("until", [None, 1e9, math.inf, math.nan])
def test_an_idle_device_is_never_left_asleep_beside_waiting_work(until: float | None) -> None:
    planner, _ = _planner(lambda *_: Wait(until, 10**9))
    planner.admit(make_work(), 0.0)
    plan = planner.next(5.0)
    assert isinstance(plan, Wait)
    assert plan.until == 6.0


def test_a_wait_ends_no_later_than_the_next_deadline() -> None:
    planner, _ = _planner(lambda *_: Wait(0.9))
    planner.admit(make_work(timeout=0.5), 0.0)
    planner.admit(make_work(timeout=0.3), 0.0)
    assert planner.next(0.0) == Wait(0.3)


def test_a_busy_device_wakes_the_loop_when_its_step_ends() -> None:
    planner, _ = _planner(lambda waiting, running, capacity, now: Wait() if capacity.busy else [next(iter(waiting))])
    planner.admit(make_work(), 0.0)
    assert isinstance(planner.next(0.0), Step)
    planner.admit(make_work(), 0.0)
    assert planner.next(0.0) == Wait(None)
    planner.admit(make_work(timeout=2.0), 0.0)
    assert planner.next(0.0) == Wait(2.0)


def test_a_policy_that_waits_for_ever_is_asked_again_and_again() -> None:
    policy = Planned(lambda *_: Wait(None))
    simulation = Simulation(policy, InOrder())
    work = simulation.submit(make_work(timeout=10.5))
    simulation.drain()
    assert (work.final, policy.asked) == (State.EXPIRED, 11)


def test_the_expired_are_refused_and_never_planned() -> None:
    planner, refused = _planner(everything())
    late, early = make_work(timeout=1.0), make_work(timeout=2.0)
    planner.admit(late, 0.0)
    planner.admit(early, 0.0)
    step = planner.next(1.0)
    assert isinstance(step, Step)
    assert list(step.work) == [early]
    assert [(work, type(error)) for work, error in refused] == [(late, Expired)]


def test_work_that_is_over_already_is_not_admitted() -> None:
    planner, refused = _planner(everything())
    work = make_work()
    work.final = State.CANCELLED
    planner.admit(work, 0.0)
    assert (planner.next(0.0), refused) == (Wait(None), [])


def test_work_that_was_cancelled_in_the_queue_is_not_planned() -> None:
    planner, refused = _planner(everything())
    gone, stays = make_work(), make_work()
    planner.admit(gone, 0.0)
    planner.admit(stays, 0.0)
    gone.final = State.CANCELLED  # its withdrawal is still on the way
    step = planner.next(0.0)
    assert isinstance(step, Step)
    assert list(step.work) == [stays]
    planner.withdraw(gone)
    assert (len(planner.queue), refused) == (0, [])


def test_a_policy_that_raises_in_observe_disturbs_nobody() -> None:
    class Upset(Planned):
        def observe(self, step: Step, now: float) -> None:
            raise RuntimeError("seen too much")

    simulation = Simulation(Upset(when_free()._plan), InOrder())
    for _ in range(5):
        simulation.submit(make_work(value=3.0))
        simulation.advance(0.01)
    assert simulation.counts == {State.COMPLETED: 5}


class Broken(InOrder):
    """A scheduler with one method that raises."""

    def __init__(self, method: str) -> None:
        super().__init__()
        setattr(self, method, self._raise)

    def _raise(self, *args: Any) -> Any:
        raise RuntimeError("out of order")


class Losing(InOrder):
    """Forgets every other work."""

    def add(self, work: Work, now: float) -> None:
        if len(self.waiting) % 2 == 0:
            super().add(work, now)

    def remove(self, work: Work) -> None:
        if work in self.waiting:
            super().remove(work)


class Doubling(InOrder):
    """Offers each work twice."""

    def add(self, work: Work, now: float) -> None:
        self.waiting += [work, work]


@pytest.mark.parametrize(
    "scheduler",
    [Broken("add"), Broken("remove"), Broken("offer"), Losing(), Doubling()],
    ids=lambda s: type(s).__name__,
)
@pytest.mark.parametrize("lanes", [1, 2])
def test_a_faulty_scheduler_loses_no_work(scheduler: Scheduler, lanes: int) -> None:
    simulation = Simulation(everything(), scheduler, lanes=lanes)
    works = [make_work(1 + number % 3, value=float(number)) for number in range(8)]
    for work in works:
        simulation.submit(work)
        simulation.advance(0.0005)
    simulation.drain()
    assert set(simulation.answers) == set(works)
    for work, answer in simulation.answers.items():
        assert isinstance(answer, Response | JackfieldError)
        if isinstance(answer, Response):
            assert (answer.outputs["y"] == work.request.inputs["x"] * 2 + 1).all()


def test_a_change_leaves_alone_what_runs_and_what_is_larger_runs_alone() -> None:
    planner, refused = _planner(everything())
    large = [make_work(3), make_work(3)]
    planner.admit(large[0], 0.0)
    before = planner.next(0.0)
    assert isinstance(before, Step)
    planner.admit(large[1], 0.0)
    observed: list[Step] = []

    class Small(Planned):
        def observe(self, step: Step, now: float) -> None:
            observed.append(step)

    small = Small(lambda waiting, running, capacity, now: [next(iter(waiting))], max_rows=1)
    planner.reconfigure(small, None)
    assert planner.running == [large[0]]
    planner.ended(before, 1.0, [Response({})] * len(before.work))
    after = planner.next(1.0)
    assert isinstance(after, Step)
    assert (after.work, after.rows) == ([large[1]], 3)
    planner.ended(after, 2.0, [Response({})])
    assert observed == [after], "a policy is told of steps that it has not planned"
    assert (refused, planner.running, planner.busy) == ([], [], False)


def test_a_scheduler_that_does_not_take_over_work_costs_that_work_alone() -> None:
    class Choosy(InOrder):
        def add(self, work: Work, now: float) -> None:
            if work.rows == 2:
                raise LookupError
            super().add(work, now)

    planner, refused = _planner(everything())
    works = [make_work(rows) for rows in (1, 2, 3)]
    for work in works:
        planner.admit(work, 0.0)
    planner.reconfigure(None, Choosy())
    ((work, error),) = refused
    assert (work, type(error)) == (works[1], ExecutionFailed)
    assert list(planner.queue) == [works[0], works[2]]


def test_only_a_scheduler_that_foresees_gives_work_up_ahead_of_its_deadline() -> None:
    class Foreseeing(InOrder):
        foresees = True

    planner, refused = _planner(everything())
    planner.reconfigure(None, Foreseeing())
    planner.admit(make_work(), 0.0)
    step = planner.next(0.0)
    assert isinstance(step, Step)
    step.work[0].report.execute = 1.0  # type: ignore[union-attr]  # it has just been planned
    planner.ended(step, 1.0, [Response({})])
    assert planner.queue.notice == 1.0
    planner.reconfigure(None, InOrder())
    planner.admit(make_work(now=1.0, timeout=0.5), 1.0)
    assert isinstance(planner.next(1.0), Step)
    assert refused == []
