"""The engine loop with its threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

from jackfield.clock import MonotonicClock
from jackfield.engine.loop import EngineLoop
from jackfield.errors import ExecutionFailed, Expired
from jackfield.interfaces import BatchingPolicy, Capacity, Executor, Scheduler, Waiting
from jackfield.options import Options
from jackfield.testing import Fault, ScriptedExecutor, ScriptedSequences, Stepwise, make_work
from jackfield.types import Capabilities
from jackfield.work import Response, Result, State, Step, StepReport, Wait, Work
from tests.core.engine.plain import InOrder, Planned, everything, when_free

PATIENCE = 60.0
"""Seconds after which a test that waits for a thread gives up: it is broken then, not slow."""
Delivery = tuple[list[tuple[Work, Result]], list[StepReport]]


class Harness:
    """An engine loop, and what it delivers."""

    def __init__(
        self, executor: Executor, policy: BatchingPolicy, lanes: int = 1, scheduler: Scheduler | None = None
    ) -> None:
        self.deliveries: SimpleQueue[Delivery] = SimpleQueue()
        self.deaths: SimpleQueue[str] = SimpleQueue()
        self.loop = EngineLoop(
            "m/1/0",
            executor,
            policy,
            scheduler if scheduler is not None else InOrder(),
            MonotonicClock(),
            self._deliver,
            self.deaths.put,
            lanes,
        )

    def submit(self, *works: Work) -> None:
        for work in works:
            self.loop.submit(work)

    def delivery(self) -> Delivery:
        return self.deliveries.get(timeout=PATIENCE)

    def answers(self, count: int) -> dict[Work, Result]:
        found: dict[Work, Result] = {}
        while len(found) < count:
            for work, result in self.delivery()[0]:
                assert work not in found
                found[work] = result
        return found

    def cancel(self, work: Work) -> None:
        work.final = State.CANCELLED
        self.loop.withdraw(work)

    def _deliver(self, results: Sequence[tuple[Work, Result]], reports: Sequence[StepReport]) -> None:
        self.deliveries.put((list(results), list(reports)))


Make = Callable[..., Harness]


@pytest.fixture
def harness() -> Iterator[Make]:
    """Makes engine loops, which are stopped in the end."""
    made: list[tuple[Harness, Executor]] = []

    def make(executor: Executor, policy: BatchingPolicy, *args: Any, start: bool = True, **more: Any) -> Harness:
        one = Harness(executor, policy, *args, **more)
        made.append((one, executor))
        if start:
            one.loop.start()
        return one

    yield make
    for one, executor in made:
        if isinstance(executor, ScriptedExecutor):
            executor.gate.set()
            executor.release.set()
        assert one.loop.stop(PATIENCE)


def _entered(executor: ScriptedExecutor) -> None:
    assert executor.entered.acquire(timeout=PATIENCE)


def _right(work: Work, result: Result) -> bool:
    expected: Any = work.request.inputs["x"] * 2 + 1
    return isinstance(result, Response) and np.array_equal(result.outputs["y"], expected)


@pytest.mark.parametrize("lanes", [1, 2])
def test_everything_is_answered_rightly_and_once(harness: Make, lanes: int) -> None:
    one = harness(ScriptedExecutor(capabilities=Capabilities(max_rows=16)), everything(), lanes)
    works = [make_work(number % 4, value=float(number)) for number in range(400)]
    one.submit(*works)
    answers = one.answers(len(works))
    assert set(answers) == set(works)
    assert all(_right(work, result) for work, result in answers.items())
    assert (one.loop.waiting, one.loop.waiting_rows) == (0, 0)


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("rows", [0, 1])
def test_a_single_request_rouses_an_idle_loop(harness: Make, lanes: int, rows: int) -> None:
    asleep = threading.Semaphore(0)
    policy = everything()
    one = harness(ScriptedExecutor(), policy, lanes, start=False)
    sleep = one.loop._wake.sleep

    def tell(timeout: float | None) -> None:
        asleep.release()
        sleep(timeout)

    one.loop._wake = _Wake(one.loop._wake, tell)  # type: ignore[assignment]
    one.loop.start()
    for _ in range(5):
        assert asleep.acquire(timeout=PATIENCE)
        work = make_work(rows)
        one.submit(work)
        assert _right(work, one.answers(1)[work])


class _Wake:
    """Another wake, that says when somebody sleeps."""

    def __init__(self, wake: Any, sleep: Callable[[float | None], None]) -> None:
        self.set, self.arm, self.disarm, self.sleep = wake.set, wake.arm, wake.disarm, sleep


def test_there_is_one_delivery_a_step(harness: Make) -> None:
    executor = ScriptedExecutor(capabilities=Capabilities(max_rows=4), poison={7.0: Fault.RAISE})
    one = harness(executor, everything(), start=False)
    works = [make_work(value=float(number)) for number in range(10)]
    one.submit(*works)
    one.loop.start()
    sizes = []
    reports = []
    for _ in range(3):
        results, told = one.delivery()
        sizes.append(len(results))
        reports.append([(report.rows, report.failed) for report in told])
    assert sizes == [4, 4, 2]
    assert reports == [[(4, False)], [(2, False), (1, False), (1, True)], [(2, False)]]


def test_with_two_lanes_the_next_batch_is_prepared_while_the_device_runs(harness: Make) -> None:
    executor = Noting()
    executor.gate.clear()
    one = harness(executor, everything(), 2)
    first, second = make_work(value=1.0), make_work(value=2.0)
    one.submit(first)
    _entered(executor)
    assert executor.prepared.acquire(timeout=PATIENCE)  # the first
    one.submit(second)
    assert executor.prepared.acquire(timeout=PATIENCE)  # the second, while the first is on the device
    assert len(executor.runs) == 1
    assert one.loop.executing_since is not None
    executor.gate.set()
    answers = one.answers(2)
    assert _right(first, answers[first])
    assert _right(second, answers[second])


def test_with_one_lane_nothing_is_prepared_beside_the_device(harness: Make) -> None:
    executor = Noting()
    executor.gate.clear()
    one = harness(executor, everything(), 1)
    one.submit(make_work())
    _entered(executor)
    assert executor.prepared.acquire(timeout=PATIENCE)
    one.submit(make_work(), make_work())
    assert one.loop.waiting == 2
    assert not executor.prepared.acquire(blocking=False)
    executor.gate.set()
    one.answers(3)


class Noting(ScriptedExecutor):
    """Says when it has prepared a step."""

    def __init__(self) -> None:
        super().__init__()
        self.prepared = threading.Semaphore(0)

    def prepare(self, step: Step) -> Any:
        payload = super().prepare(step)
        self.prepared.release()
        return payload


def test_two_lanes_never_use_the_device_at_once(harness: Make) -> None:
    class Exclusive(ScriptedExecutor):
        inside = 0
        worst = 0

        def run(self, inputs: dict[str, Any], outputs: Sequence[str]) -> dict[str, Any]:
            self.inside += 1
            self.worst = max(self.worst, self.inside)
            try:
                return super().run(inputs, outputs)
            finally:
                self.inside -= 1

    executor = Exclusive(capabilities=Capabilities(max_rows=2))
    one = harness(executor, everything(), 2)
    works = [make_work(value=float(number)) for number in range(300)]
    one.submit(*works)
    one.answers(len(works))
    assert executor.worst == 1


@pytest.mark.parametrize("lanes", [1, 2])
def test_what_is_withdrawn_while_it_waits_never_reaches_the_device(harness: Make, lanes: int) -> None:
    executor = ScriptedExecutor()
    executor.gate.clear()
    one = harness(executor, when_free(), lanes)
    running, gone, waits = (make_work(value=float(number)) for number in range(3))
    one.submit(running)
    _entered(executor)
    one.submit(gone, waits)
    one.cancel(gone)
    executor.gate.set()
    assert set(one.answers(2)) == {running, waits}
    assert [run[:, 0].tolist() for run in executor.runs] == [[0.0], [2.0]]


def test_what_is_cancelled_after_it_was_prepared_does_not_reach_the_device(harness: Make) -> None:
    executor = Noting()
    executor.gate.clear()
    one = harness(executor, everything(), 2, start=False)
    first, gone, stays = (make_work(value=float(number), width=2 + bool(number)) for number in range(3))
    one.submit(first, gone, stays)
    one.loop.start()
    _entered(executor)
    for _ in range(2):
        assert executor.prepared.acquire(timeout=PATIENCE)
    one.cancel(gone)
    executor.gate.set()
    answers = one.answers(2)
    assert set(answers) == {first, stays}
    assert _right(stays, answers[stays])
    assert [run[:, 0].tolist() for run in executor.runs] == [[0.0], [2.0]]


def test_what_is_cancelled_on_the_device_leaves_its_neighbours_alone(harness: Make) -> None:
    executor = ScriptedExecutor()
    executor.gate.clear()
    one = harness(executor, everything(), start=False)
    gone, stays = make_work(value=1.0), make_work(value=2.0)
    one.submit(gone, stays)
    one.loop.start()
    _entered(executor)
    one.cancel(gone)
    executor.gate.set()
    answers = one.answers(2)
    assert _right(stays, answers[stays])  # the other's result is delivered too, and nobody reads it


def test_the_expired_are_told_so(harness: Make) -> None:
    executor = ScriptedExecutor()
    one = harness(executor, everything(), start=False)
    late, fine = make_work(timeout=0.0), make_work(value=1.0)
    one.submit(late, fine)
    one.loop.start()
    answers = one.answers(2)
    assert isinstance(answers[late], Expired)
    assert _right(fine, answers[fine])
    assert [run[:, 0].tolist() for run in executor.runs] == [[1.0]]


@pytest.mark.parametrize("lanes", [1, 2])
def test_stopping_an_idle_loop_closes_the_executor_once(harness: Make, lanes: int) -> None:
    executor = ScriptedExecutor()
    one = harness(executor, everything(), lanes)
    assert one.loop.stop(PATIENCE)
    assert one.loop.stop(PATIENCE)
    assert executor.closes == 1
    assert one.deaths.empty()


def test_stopping_a_loop_that_never_started_closes_the_executor(harness: Make) -> None:
    executor = ScriptedExecutor()
    assert harness(executor, everything(), start=False).loop.stop(PATIENCE)
    assert executor.closes == 1


@pytest.mark.parametrize("lanes", [1, 2])
def test_stopping_a_busy_loop_lets_the_step_end(harness: Make, lanes: int) -> None:
    executor = ScriptedExecutor()
    executor.gate.clear()
    one = harness(executor, when_free(), lanes)
    work = make_work()
    one.submit(work)
    _entered(executor)
    assert not one.loop.stop(0.0)  # its thread is on the device
    assert executor.closes == 0
    executor.gate.set()
    assert _right(work, one.answers(1)[work])
    assert one.loop.stop(PATIENCE)
    assert executor.closes == 1


@pytest.mark.parametrize("lanes", [1, 2])
def test_an_executor_that_is_gone_ends_the_loop_with_its_reason(harness: Make, lanes: int) -> None:
    executor = ScriptedExecutor(always=Fault.UNAVAILABLE)
    one = harness(executor, everything(), lanes)
    one.submit(make_work())
    assert one.deaths.get(timeout=PATIENCE) == "the device is gone"
    assert one.loop.stop(PATIENCE)
    assert executor.closes == 1


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_loop_that_fails_says_so(harness: Make, lanes: int) -> None:
    class Leaving(InOrder):
        def offer(self, now: float) -> Iterator[Work]:
            raise SystemExit("no more")

    one = harness(ScriptedExecutor(), everything(), lanes, scheduler=Leaving())
    one.submit(make_work())
    assert one.deaths.get(timeout=PATIENCE) == "its engine loop failed: SystemExit"


def test_a_policy_that_raises_costs_one_request(harness: Make) -> None:
    faults = [True, False]

    def plan(waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Any:
        if faults and faults.pop(0):
            raise RuntimeError("not now")
        return list(waiting)

    one = harness(ScriptedExecutor(), Planned(plan), start=False)
    first, second = make_work(), make_work(value=5.0)
    one.submit(first, second)
    one.loop.start()
    answers = one.answers(2)
    assert isinstance(answers[first], ExecutionFailed)
    assert _right(second, answers[second])


def test_a_policy_that_waits_for_rows_is_asked_when_they_are_there(harness: Make) -> None:
    asked: SimpleQueue[int] = SimpleQueue()

    def plan(waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Any:
        asked.put(len(waiting))
        return list(waiting) if waiting.rows >= 4 else Wait(now + 0.9, 4)

    executor = ScriptedExecutor()
    one = harness(executor, Planned(plan))
    one.submit(make_work(1))
    assert asked.get(timeout=PATIENCE) == 1
    one.submit(make_work(1), make_work(2))
    one.answers(3)
    assert [len(run) for run in executor.runs] == [4]


def test_executing_since_is_set_while_the_device_works_only(harness: Make) -> None:
    executor = ScriptedExecutor()
    executor.gate.clear()
    one = harness(executor, everything())
    seen = [one.loop.executing_since]
    one.submit(make_work())
    _entered(executor)
    seen.append(one.loop.executing_since)
    executor.gate.set()
    one.answers(1)
    assert one.loop.stop(PATIENCE)
    seen.append(one.loop.executing_since)
    assert [since is None for since in seen] == [True, False, True]
    assert max(since for since in seen if since is not None) <= MonotonicClock().now()


@pytest.mark.parametrize("lanes", [1, 2])
def test_many_clients_with_faults_and_cancellations_lose_nothing(harness: Make, lanes: int) -> None:
    executor = ScriptedExecutor(capabilities=Capabilities(max_rows=8), poison={13.0: Fault.FEW_ROWS, 26.0: Fault.EXIT})
    one = harness(executor, when_free(), lanes)
    works = [make_work(1 + number % 3, value=float(number % 40), width=1 + number % 2) for number in range(600)]
    gone = set()
    for number, work in enumerate(works):
        one.submit(work)
        if number % 7 == 0:
            one.cancel(work)
            gone.add(work)
    wanted = set(works) - gone
    answers: dict[Work, Result] = {}
    while not wanted <= answers.keys():
        for work, result in one.delivery()[0]:
            assert work not in answers
            answers[work] = result
    for work in wanted:
        poisoned = float(work.request.inputs["x"][0, 0]) in executor.poison
        assert isinstance(answers[work], ExecutionFailed) if poisoned else _right(work, answers[work])


def test_a_change_takes_effect_while_a_lane_is_asleep(harness: Make) -> None:
    executor = ScriptedExecutor()
    bench = harness(executor, Planned(lambda waiting, running, capacity, now: Wait(now + 3600, 10**6)))
    bench.submit(*(works := [make_work(value=float(n)) for n in range(3)]))
    bench.loop.reconfigure(when_free(), None)
    answers = bench.answers(3)
    assert set(answers) == set(works)
    assert all(isinstance(answer, Response) for answer in answers.values())


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_change_does_not_wait_for_the_step_on_the_device_nor_disturb_it(harness: Make, lanes: int) -> None:
    executor = ScriptedExecutor()
    executor.gate.clear()
    bench = harness(executor, when_free(), lanes)
    bench.submit(first := make_work(value=1.0))
    assert executor.entered.acquire(timeout=PATIENCE)
    works = [make_work(value=float(n)) for n in range(5)]
    bench.submit(*works)
    scheduler = InOrder()
    bench.loop.reconfigure(None, scheduler)
    until(lambda: set(scheduler.waiting) == set(works))
    executor.gate.set()
    answers = bench.answers(6)
    assert set(answers) == {first, *works}


def until(holds: Callable[[], bool]) -> None:
    """Wait for what must come to hold."""
    patience = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if holds():
            return
        patience.wait(0.01)
    raise AssertionError("waited in vain")


@pytest.mark.parametrize("lanes", [1, 2])
def test_work_of_many_steps_is_delivered_step_by_step(harness: Make, lanes: int) -> None:
    executor = ScriptedSequences(10_000)
    one = harness(executor, Stepwise(Options()), lanes)
    works = [make_work(value=float(n), stream=True, parameters={"tokens": 20}) for n in range(30)]
    one.submit(*(_accepted(executor, work) for work in works))
    heard: dict[Work, list[float]] = {work: [] for work in works}
    over: set[Work] = set()
    while len(over) < len(works):
        results, _ = one.delivery()
        assert len({id(work) for work, _ in results}) == len(results)
        for work, result in results:
            assert isinstance(result, Response)
            assert work not in over
            heard[work].append(result.outputs["y"].item())
            over.update([work] if result.final else [])
    assert all(heard[work] == [2.0 * n + token for token in range(20)] for n, work in enumerate(works))


def test_a_cancelled_sequence_leaves_the_loop_to_the_others(harness: Make) -> None:
    executor = ScriptedSequences(10_000)
    one = harness(executor, Stepwise(Options()))
    endless = [_accepted(executor, make_work(stream=True, parameters={"tokens": 10_000})) for _ in range(3)]
    one.submit(*endless)
    one.delivery()
    for work in endless:
        one.cancel(work)
    last = _accepted(executor, make_work(parameters={"tokens": 2}))
    one.submit(last)
    while not any(work is last for work, _ in one.delivery()[0]):
        pass
    assert one.loop.stop(PATIENCE)
    assert executor.free == executor.blocks


def _accepted(executor: ScriptedSequences, work: Work) -> Work:
    executor.accept(work)
    return work
