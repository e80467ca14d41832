"""Accepted = completed + failed + cancelled + expired + outstanding, whatever happens, with each default policy and
scheduler; and the machine that says so would notice if it were not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from jackfield.engine import bisect
from jackfield.engine.queue import Queue
from jackfield.interfaces import BatchingPolicy, Capacity, Scheduler, Waiting
from jackfield.testing import Stuck, simulation
from jackfield.work import Response, Result, Step, Wait, Work
from jackfield_plugins.batching.dynamic import Dynamic, DynamicOptions
from tests.core.engine.machine import POLICIES, SCHEDULERS, EngineMachine, machine_of

THOROUGH = settings(
    deadline=None,
    derandomize=True,
    max_examples=80,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
SEEDED = settings(THOROUGH, max_examples=300, phases=[Phase.generate], report_multiple_bugs=False)

STUCK = "work is left without an answer, or waits for ever"


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("policy", POLICIES)
def test_conservation(policy: str, scheduler: str) -> None:
    run_state_machine_as_test(machine_of(policy, scheduler), settings=THOROUGH)


def found(machine: type[RuleBasedStateMachine]) -> str:
    with pytest.raises(AssertionError) as found:
        run_state_machine_as_test(machine, settings=SEEDED)
    return STUCK if isinstance(found.value, Stuck) else str(found.value).splitlines()[0]


def test_a_policy_that_never_plans_some_work_is_found() -> None:
    class Choosy(Dynamic):
        def plan(
            self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float
        ) -> Sequence[Work] | Wait:
            plan = super().plan(waiting, running, capacity, now)
            return Wait() if not isinstance(plan, Wait) and plan[0].rows == 5 else plan

    class Machine(EngineMachine):
        def policy(self, most: int, delay_ms: float, preferred: tuple[int, ...]) -> BatchingPolicy:
            return Choosy(DynamicOptions(max_batch_size=most, max_delay_ms=delay_ms))

    assert found(Machine) in {"an idle device is kept from work", STUCK}


def test_a_queue_that_forgets_removal_is_found() -> None:
    class Forgetful(Queue):
        def remove(self, work: Work) -> None:
            if work.rows != 2:
                super().remove(work)

    class Machine(EngineMachine):
        def tamper(self) -> None:
            self.simulation.planner.queue = Forgetful(self.scheduler())

    assert found(Machine) in {"work was planned twice", STUCK}


def test_a_change_that_loses_work_is_found() -> None:
    class Losing(Queue):
        def reorder(self, scheduler: Scheduler) -> list[tuple[Work, Exception]]:
            refused = super().reorder(scheduler)
            if len(self) > 2:
                self.remove(self.any())
            return refused

    class Machine(EngineMachine):
        changes = True

        def tamper(self) -> None:
            self.simulation.planner.queue = Losing(self.scheduler())

    assert found(Machine) in {"a change has lost work, or brought some back", STUCK}


def test_a_planner_that_loses_what_it_took_out_is_found() -> None:
    class Machine(EngineMachine):
        def tamper(self) -> None:
            start = self.simulation.planner._start

            def losing(chosen: Sequence[Work], capacity: Capacity, now: float) -> Step:
                step = start(chosen, capacity, now)
                return Step(step.work[:2], step.rows) if len(step.work) == 3 else step

            self.simulation.planner._start = losing  # type: ignore[method-assign]

    # what was lost may have been cancelled by then
    assert found(Machine) in {STUCK, "work that is over passes for running"}


def test_work_that_is_over_and_reaches_the_device_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bisect, "_over", lambda works, now: {})
    assert found(EngineMachine) == "work was on the device that was over"


def test_answers_that_are_mixed_up_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    run = bisect.run_step

    def mixing(*args: Any) -> list[Result | None]:
        results = run(*args)
        return results[::-1] if all(isinstance(result, Response) for result in results) else results

    monkeypatch.setattr(simulation, "run_step", mixing)
    assert found(EngineMachine) == "a wrong answer"


def test_a_step_that_is_answered_twice_is_found() -> None:
    class Machine(EngineMachine):
        def _answered(self, work: Work, result: Result) -> None:
            super()._answered(work, result)
            if work.rows == 4:
                super()._answered(work, result)

    assert found(Machine) == "not just once"
