"""Work of many steps: nothing is lost, nothing is kept, whatever happens between two steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis.stateful import run_state_machine_as_test

from jackfield.engine.planner import Planner
from jackfield.errors import Cancelled, ExecutionFailed, Expired, InvalidRequest, Unavailable
from jackfield.interfaces import BatchingPolicy, Capacity, Waiting
from jackfield.options import Options
from jackfield.testing import Fault, InOrder, ScriptedSequences, Simulation, Stepwise, make_work
from jackfield.work import Response, Result, State, Step, Wait, Work
from tests.core.engine.plain import Planned
from tests.core.engine.sequence_machine import SequenceMachine
from tests.core.engine.test_conservation import STUCK, THOROUGH, found


def _work(prompt: int = 1, tokens: int = 3, **more: Any) -> Work:
    return make_work(parameters={"prompt": prompt, "tokens": tokens}, **more)


def _simulation(blocks: int = 64, policy: BatchingPolicy | None = None, **more: Any) -> tuple[Simulation, Any]:
    executor = ScriptedSequences(blocks, **more)
    return Simulation(policy or Stepwise(Options()), InOrder(Options()), executor), executor


def test_conservation() -> None:
    run_state_machine_as_test(SequenceMachine, settings=THOROUGH)


def test_a_stream_is_told_each_token_and_others_the_whole() -> None:
    simulation, _ = _simulation()
    heard: list[tuple[list[float], bool]] = []

    def hear(work: Work, result: Result) -> None:
        assert isinstance(result, Response)
        heard.append((result.outputs["y"].ravel().tolist(), result.final))

    simulation.submit(_work(tokens=3, value=1.0, stream=True, sink=hear))
    simulation.drain()
    assert heard == [([2.0], False), ([3.0], False), ([4.0], True)]
    heard.clear()
    simulation.submit(_work(tokens=3, value=1.0, sink=hear))
    simulation.drain()
    assert heard == [([2.0, 3.0, 4.0], True)]


def test_running_and_waiting_work_share_steps() -> None:
    simulation, _ = _simulation()
    first = simulation.submit(_work(tokens=4))
    simulation.advance(0.0015)
    second = simulation.submit(_work(tokens=2))
    simulation.drain()
    assert [list(step.work) for step in simulation.steps] == [[first], [first], [first, second], [first, second]]


def test_cancelled_work_frees_its_blocks_within_one_step() -> None:
    simulation, executor = _simulation()
    gone = simulation.submit(_work(prompt=20, tokens=50))
    stays = simulation.submit(_work(tokens=50))
    simulation.advance(0.0025)
    held = gone.extra.blocks
    assert held > 0
    simulation.cancel(gone)
    steps = len(simulation.steps)
    simulation.advance(0.001)
    assert len(simulation.steps) == steps + 1
    assert (gone.extra.blocks, gone in simulation.steps[-1].work) == (0, False)
    simulation.cancel(stays)
    simulation.advance(0.01)
    assert (executor.free, simulation.planner.running) == (executor.blocks, [])


def test_work_between_two_steps_expires_though_its_policy_never_plans_it_again() -> None:
    plans = iter([True])

    def plan(waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Any:
        if next(plans, False):
            work = next(iter(waiting))
            work.extra.reserve(work.extra.pending)
            return [work]
        return Wait(None)

    simulation, executor = _simulation(policy=Planned(plan))
    work = simulation.submit(_work(timeout=2.5))
    simulation.advance(10.0)
    assert isinstance(simulation.answers[work], Expired)
    assert executor.free == executor.blocks


def test_a_failing_neighbour_costs_nobody_a_token() -> None:
    simulation, executor = _simulation(poison={9.0: Fault.RAISE})
    good = [simulation.submit(_work(tokens=5, value=float(number))) for number in range(3)]
    simulation.advance(0.0025)
    bad = simulation.submit(_work(value=9.0))
    simulation.drain()
    assert isinstance(simulation.answers[bad], ExecutionFailed)
    for number, work in enumerate(good):
        answer = simulation.answers[work]
        assert isinstance(answer, Response)
        assert answer.outputs["y"].ravel().tolist() == [2.0 * number + n for n in range(5)]
    assert executor.free == executor.blocks


def test_when_the_worker_dies_all_that_runs_is_answered() -> None:
    simulation, executor = _simulation()
    works = [simulation.submit(_work(tokens=9)) for _ in range(3)]
    simulation.advance(0.0025)
    executor.script.append(Fault.UNAVAILABLE)
    simulation.drain()
    assert all(isinstance(simulation.answers[work], Unavailable) for work in works)


def test_a_policy_that_fails_costs_running_work_an_answer_and_never_the_loop() -> None:
    def plan(waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Any:
        if running:
            raise ZeroDivisionError
        work = next(iter(waiting))
        work.extra.reserve(work.extra.pending)
        return [work]

    simulation, executor = _simulation(policy=Planned(plan))
    works = [simulation.submit(_work()) for _ in range(3)]
    simulation.drain()
    assert all(isinstance(simulation.answers[work], ExecutionFailed) for work in works)
    assert executor.free == executor.blocks


def test_work_on_the_device_cannot_be_planned_again() -> None:
    executor = ScriptedSequences()
    refused: list[tuple[Work, Any]] = []
    planner = Planner(
        "m/1/0",
        Planned(lambda waiting, running, capacity, now: list(running) or list(waiting)),
        InOrder(Options()),
        executor.capacity,
        lambda work, error: refused.append((work, error)),
        executor.release,
    )
    first, second = _work(), _work()
    for work in (first, second):
        executor.accept(work)
    planner.admit(first, 0.0)
    step = planner.next(0.0)
    assert isinstance(step, Step)
    planner.admit(second, 0.0)
    assert planner.next(0.0) == Wait(None)
    assert [(work, type(error)) for work, error in refused] == [(second, ExecutionFailed)]
    planner.ended(step, 1.0, [None])
    again = planner.next(1.0)
    assert isinstance(again, Step)
    assert list(again.work) == [first]


def test_what_is_over_is_withdrawn_wherever_it_is() -> None:
    executor = ScriptedSequences()
    released: list[Work] = []
    planner = Planner(
        "m/1/0", Stepwise(Options()), InOrder(Options()), executor.capacity, lambda *_: None, released.append
    )
    work = _work()
    executor.accept(work)
    planner.admit(work, 0.0)
    step = planner.next(0.0)
    assert isinstance(step, Step)
    work.final = State.CANCELLED
    planner.withdraw(work)
    assert (released, planner.running) == ([], [work])  # not while it is on the device
    planner.ended(step, 1.0, [None])
    planner.withdraw(work)
    assert (released, planner.running) == ([work], [])


def test_a_request_that_cannot_run_is_refused_before_it_is_accepted() -> None:
    simulation, _ = _simulation(2)
    for parameters in ({"tokens": 0}, {"tokens": "many"}, {"tokens": 100}):
        with pytest.raises(InvalidRequest):
            simulation.submit(make_work(parameters=parameters))
    assert simulation.accepted == []


def test_pieces_that_nobody_asked_for_are_an_error() -> None:
    class Chatty(ScriptedSequences):
        def _advance(self, work: Work) -> Result | None:
            result = super()._advance(work)
            return result if result is not None else Response({}, final=False)

    executor = Chatty()
    simulation = Simulation(Stepwise(Options()), InOrder(Options()), executor)
    work = simulation.submit(_work(tokens=3))
    simulation.drain()
    simulation.advance(0.01)
    answer = simulation.answers[work]
    assert isinstance(answer, ExecutionFailed)
    assert "in pieces" in str(answer)
    assert (executor.free, simulation.planner.running) == (executor.blocks, [])


def test_blocks_that_are_not_released_are_found() -> None:
    class Machine(SequenceMachine):
        def tamper(self) -> None:
            self.simulation.planner._release = None

    assert found(Machine) in {"blocks were lost", STUCK}


def test_work_that_is_lost_between_two_steps_is_found() -> None:
    class Machine(SequenceMachine):
        def tamper(self) -> None:
            planner = self.simulation.planner
            ended = planner.ended

            def losing(step: Step, now: float, results: Sequence[Result | None]) -> None:
                ended(step, now, results)
                if len(step.work) > 1:  # often: Hypothesis makes other examples when other modules are imported
                    planner._leave(step.work[-1])

            planner.ended = losing  # type: ignore[method-assign]

    assert found(Machine) == STUCK


def test_cancelled_work_that_goes_on_is_found() -> None:
    class Machine(SequenceMachine):
        def tamper(self) -> None:
            self.simulation.planner.withdraw = lambda work: None  # type: ignore[method-assign]

    assert found(Machine) in {"work holds on that is over", "blocks were lost", STUCK}


def test_an_expired_stream_is_told_once() -> None:
    simulation, executor = _simulation()
    heard: list[Result] = []
    work = _work(tokens=100, timeout=0.0055, stream=True, sink=lambda work, result: heard.append(result))
    simulation.submit(work)
    simulation.drain()
    simulation.advance(0.01)
    assert [type(one) for one in heard] == [Response] * 5 + [Expired]
    assert (executor.free, simulation.planner.running) == (executor.blocks, [])
    assert not isinstance(simulation.answers[work], Cancelled)
