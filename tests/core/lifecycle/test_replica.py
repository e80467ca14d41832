"""A replica answers each request once, whatever happens to it, and gives back what it held."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from jackfield.engine.admission import Limits
from jackfield.engine.loop import EngineLoop
from jackfield.errors import (
    Cancelled,
    ExecutionFailed,
    Expired,
    InvalidRequest,
    JackfieldError,
    Overloaded,
    Unavailable,
)
from jackfield.interfaces import Executor
from jackfield.interfaces.engine import Deliver, Died, Engine
from jackfield.lifecycle.replica import LocalReplica, Traits
from jackfield.testing import Fault, ScriptedExecutor, VirtualClock, make_work
from jackfield.types import Capabilities
from jackfield.work import Outcome, Response, Result, State, Step, StepReport, Work
from tests.core.engine.plain import InOrder, when_free
from tests.core.lifecycle.fakes import PATIENCE, Posting


class Bench:
    """A replica whose event loop is the thread of the test."""

    def __init__(self, executor: Executor, **more: Any) -> None:
        self.executor = executor
        self.clock = VirtualClock(100.0)
        self.posting = Posting()
        self.answers: dict[Work, Result] = {}
        self.reports: list[StepReport] = []
        self.deaths: list[str] = []
        limits = Limits(**{"max_rows": 8, "max_queue": 100, "max_queue_bytes": 10**6} | more.pop("limits", {}))
        settings: Any = {"step_timeout": 5.0} | more
        lanes = settings.pop("lanes", 1)

        def engine(deliver: Deliver, died: Died) -> Engine:
            return EngineLoop("m/1/0", executor, when_free(), InOrder(), self.clock, deliver, died, lanes)

        self.replica = LocalReplica(
            "m/1/0",
            "double",
            Traits(executor.signature, executor.capabilities),
            engine,
            None,
            self.clock,
            self.posting,
            self.reports.append,
            lambda replica, reason: self.deaths.append(reason),
            limits,
            **settings,
        )
        self.replica.start()

    def submit(self, rows: int = 1, **more: Any) -> Work:
        work = make_work(rows, now=self.clock.now(), sink=more.pop("sink", self.keep), **more)
        self.replica.submit(work)
        return work

    def keep(self, work: Work, result: Result) -> None:
        assert work not in self.answers
        self.answers[work] = result

    def answered(self, *works: Work) -> list[Result]:
        self.posting.run(lambda: all(work in self.answers for work in works))
        return [self.answers[work] for work in works]

    def end(self) -> None:
        if isinstance(self.executor, ScriptedExecutor):
            self.executor.gate.set()
            self.executor.release.set()
        self.replica.stop(0)


@pytest.fixture
def benches() -> Iterator[list[Bench]]:
    """The replicas that a test makes, which are stopped in the end."""
    made: list[Bench] = []
    yield made
    for bench in made:
        bench.end()


@pytest.fixture
def executor() -> ScriptedExecutor:
    """The executor."""
    return ScriptedExecutor(capabilities=Capabilities(max_rows=8))


@pytest.fixture
def bench(executor: ScriptedExecutor, benches: list[Bench]) -> Bench:
    """A replica that has started."""
    benches.append(Bench(executor))
    return benches[0]


def _hold(bench: Bench, executor: ScriptedExecutor) -> Work:
    """One work on the device, which stays there until the gate is opened."""
    executor.gate.clear()
    work = bench.submit(value=50.0)
    assert executor.entered.acquire(timeout=PATIENCE)
    return work


def test_work_is_answered_and_its_rows_and_bytes_are_given_back(bench: Bench) -> None:
    work = bench.submit(3, value=2.0)
    assert bench.replica.outstanding == 3
    (answer,) = bench.answered(work)
    assert isinstance(answer, Response)
    assert (answer.outputs["y"] == 5.0).all()
    assert work.state is State.COMPLETED
    assert (bench.replica.outstanding, bench.replica._admission.bytes, bench.replica.waiting) == (0, 0, 0)
    assert [report.rows for report in bench.reports] == [3]


def test_the_smaller_of_policy_and_executor_limits_a_request(bench: Bench) -> None:
    assert bench.replica.max_rows == 8
    with pytest.raises(InvalidRequest, match="batch-size must be <= 8"):
        bench.submit(9)
    assert bench.replica.outstanding == 0


def test_cancelled_in_the_queue_it_never_reaches_the_device(bench: Bench, executor: ScriptedExecutor) -> None:
    running = _hold(bench, executor)
    gone, stays = bench.submit(value=1.0), bench.submit(value=2.0)
    bench.replica.cancel(gone)
    assert isinstance(bench.answers[gone], Cancelled)
    assert gone.state is State.CANCELLED
    bench.replica.cancel(gone)  # twice does no harm
    executor.gate.set()
    bench.answered(running, stays)
    assert [run[0, 0] for run in executor.runs] == [50.0, 2.0]


def test_cancelled_on_the_device_it_is_settled_at_once_and_its_result_dropped(
    bench: Bench, executor: ScriptedExecutor
) -> None:
    running = _hold(bench, executor)
    bench.replica.cancel(running)
    assert isinstance(bench.answers[running], Cancelled)
    assert bench.replica.outstanding == 0
    executor.gate.set()
    bench.posting.run(lambda: bench.reports)
    assert running.state is State.CANCELLED


def test_a_result_after_the_deadline_has_expired(bench: Bench, executor: ScriptedExecutor) -> None:
    executor.gate.clear()
    work = bench.submit(timeout=1.0)
    assert executor.entered.acquire(timeout=PATIENCE)
    bench.clock.advance(1.5)
    executor.gate.set()
    (answer,) = bench.answered(work)
    assert isinstance(answer, Expired)
    assert work.state is State.EXPIRED


def test_a_sink_that_raises_costs_its_neighbours_nothing(bench: Bench, executor: ScriptedExecutor) -> None:
    def upset(work: Work, result: Result) -> None:
        raise RuntimeError("the connection is gone")

    running = _hold(bench, executor)
    bench.submit(value=1.0, sink=upset)
    neighbour = bench.submit(value=2.0)
    executor.gate.set()
    bench.answered(running, neighbour)
    assert (bench.replica.outstanding, bench.replica.alive) == (0, True)


def test_a_stream_is_told_each_response_and_ends_once(benches: list[Bench]) -> None:
    class Streaming(Executor):
        signature = ScriptedExecutor().signature

        def prepare(self, step: Step) -> Any:
            return None

        def execute(self, step: Step) -> Outcome:
            return Outcome([Response({}, final=False) for _ in step.work])

    bench = Bench(Streaming())
    benches.append(bench)
    heard: list[Result] = []
    work = bench.submit(sink=lambda work, result: heard.append(result), stream=True)
    bench.posting.run(lambda: heard)
    assert work.final is None
    assert bench.replica.outstanding == 1
    bench.replica.cancel(work)
    assert [type(one) for one in heard] == [Response, Cancelled]


def test_what_is_no_answer_is_an_error(benches: list[Bench]) -> None:
    class Odd(Executor):
        signature = ScriptedExecutor().signature

        def prepare(self, step: Step) -> Any:
            return None

        def execute(self, step: Step) -> Outcome:
            return Outcome(["fine"] * len(step.work))  # type: ignore[list-item]

    bench = Bench(Odd())
    benches.append(bench)
    (answer,) = bench.answered(bench.submit())
    assert isinstance(answer, ExecutionFailed)
    assert str(answer) == "the executor answered with an object of type str"


def test_a_full_queue_sheds_with_a_time_to_come_back(benches: list[Bench]) -> None:
    executor = ScriptedExecutor()
    bench = Bench(executor, limits={"max_queue": 2})
    benches.append(bench)
    running = _hold(bench, executor)
    waiting = [bench.submit(), bench.submit()]
    with pytest.raises(Overloaded) as full:
        bench.submit()
    assert full.value.retry_after >= 1.0
    executor.gate.set()
    bench.answered(running, *waiting)
    bench.answered(bench.submit())


def test_room_is_known_before_there_is_a_request(benches: list[Bench]) -> None:
    executor = ScriptedExecutor()
    bench = Bench(executor, limits={"max_queue": 2, "max_queue_bytes": 100})
    benches.append(bench)
    running = _hold(bench, executor)
    bench.replica.check_room(92)
    with pytest.raises(Overloaded, match="8 bytes of inputs are held for model 'double', at most 100 may be"):
        bench.replica.check_room(93)
    waiting = [bench.submit(), bench.submit()]
    with pytest.raises(Overloaded, match="2 requests wait for model 'double', at most 2 may"):
        bench.replica.check_room(0)
    executor.gate.set()
    bench.answered(running, *waiting)
    bench.replica.check_room(10**9)  # one alone always fits
    bench.replica.stop(0)
    with pytest.raises(Unavailable, match="replica 'm/1/0' is draining"):
        bench.replica.check_room(0)


def test_cancelled_work_makes_room_at_once_while_a_step_runs(benches: list[Bench]) -> None:
    executor = ScriptedExecutor()
    bench = Bench(executor, limits={"max_queue": 2})
    benches.append(bench)
    running = _hold(bench, executor)
    waiting = [bench.submit(), bench.submit()]
    inputs = [weakref.ref(work.request.inputs["x"]) for work in waiting]
    for work in waiting:
        bench.replica.cancel(work)
    bench.answers.clear()
    del waiting, work
    assert (bench.replica.waiting, [one() for one in inputs]) == (0, [None, None])
    bench.submit()
    executor.gate.set()
    bench.answered(running)


def test_bytes_that_wait_are_limited(benches: list[Bench]) -> None:
    executor = ScriptedExecutor()
    bench = Bench(executor, limits={"max_queue_bytes": 100, "max_rows": 20})
    benches.append(bench)
    _hold(bench, executor)
    bench.submit(10)
    with pytest.raises(Overloaded, match="bytes of inputs are held"):
        bench.submit(2)


def test_a_dead_executor_takes_the_replica_down_and_all_work_is_answered(
    bench: Bench, executor: ScriptedExecutor
) -> None:
    running = _hold(bench, executor)
    waiting = [bench.submit(), bench.submit()]
    executor.always = Fault.UNAVAILABLE
    executor.gate.set()
    for answer in bench.answered(running, *waiting):
        assert isinstance(answer, Unavailable)
        assert str(answer) == "replica 'm/1/0' did not answer: the device is gone"
    assert (bench.replica.alive, bench.deaths, bench.replica.outstanding) == (False, ["the device is gone"], 0)
    with pytest.raises(Unavailable, match="replica 'm/1/0' is down: the device is gone"):
        bench.submit()


def test_a_step_that_hangs_takes_the_replica_down(bench: Bench, executor: ScriptedExecutor) -> None:
    executor.always = Fault.HANG
    running = bench.submit()
    assert executor.entered.acquire(timeout=PATIENCE)
    waiting = bench.submit()
    alive = []
    for seconds in (4.9, 0.2):
        bench.clock.advance(seconds)
        alive.append(bench.replica.alive)
    assert alive == [True, False]
    assert bench.deaths == ["a step has been running for more than 5 s"]
    assert {type(answer) for answer in bench.answers.values()} == {Unavailable}
    assert set(bench.answers) == {running, waiting}
    executor.release.set()  # the late result has no reader
    bench.posting.run(lambda: bench.reports)
    assert isinstance(bench.answers[running], Unavailable)


def test_without_a_step_timeout_a_step_may_take_for_ever(benches: list[Bench]) -> None:
    executor = ScriptedExecutor()
    bench = Bench(executor, step_timeout=None)
    benches.append(bench)
    _hold(bench, executor)
    bench.clock.advance(1e6)
    assert bench.replica.alive


def test_a_draining_replica_refuses_and_answers_what_it_has(bench: Bench, executor: ScriptedExecutor) -> None:
    work = bench.submit()
    bench.answered(work)
    bench.replica.stop(PATIENCE)
    with pytest.raises(Unavailable, match="draining"):
        bench.submit()
    assert executor.closes == 1
    bench.replica.stop(PATIENCE)
    assert executor.closes == 1


def test_what_is_not_answered_in_time_is_failed_when_it_stops(bench: Bench, executor: ScriptedExecutor) -> None:
    running = _hold(bench, executor)
    waiting = bench.submit()
    bench.replica.stop(0)
    for answer in bench.answered(running, waiting):
        assert isinstance(answer, Unavailable)
    assert executor.closes == 0  # it is still in use
    executor.gate.set()
    bench.replica.stop(0)
    assert executor.closes == 1


@pytest.mark.parametrize("fault", [Fault.RAISE, Fault.EXIT, Fault.FEW_ROWS, Fault.WRONG_SHAPE, Fault.WRONG_DTYPE])
def test_after_any_fault_the_replica_goes_on(bench: Bench, executor: ScriptedExecutor, fault: Fault) -> None:
    executor.poison = {9.0: fault}
    bad, good = bench.submit(value=9.0), bench.submit(value=1.0)
    failed, fine = bench.answered(bad, good)
    assert isinstance(failed, JackfieldError)
    assert isinstance(fine, Response)
    assert bench.replica.alive
    assert isinstance(bench.answered(bench.submit(value=3.0))[0], Response)


def test_what_is_accepted_costs_until_it_is_answered(bench: Bench, executor: ScriptedExecutor) -> None:
    first = _hold(bench, executor)
    second = bench.submit(3)
    assert bench.replica.cost == first.cost + second.cost == first.bytes + second.bytes
    bench.replica.cancel(second)
    assert bench.replica.cost == first.cost
    executor.gate.set()
    bench.answered(first)
    assert bench.replica.cost == 0
