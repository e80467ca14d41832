"""A step that fails: whoever is at fault is found, and the neighbours never notice."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.engine.bisect import public, reports_of, run_step
from jackfield.errors import ExecutionFailed, Expired, InvalidRequest, Unavailable
from jackfield.interfaces import Executor
from jackfield.testing import Fault, ScriptedExecutor, make_work, signature_of
from jackfield.work import Outcome, Response, Result, State, Step, StepReport, Work

POISON = 666.0
NOWHERE = nullcontext()
FAILING = [f for f in Fault if f not in (Fault.UNAVAILABLE, Fault.NAN, Fault.HANG)]


def _step(works: Sequence[Work]) -> Step:
    rows = sum(work.rows for work in works)
    report = StepReport("m/1/0", rows, len(works), 0.0)
    for work in works:
        work.report = report
    return Step(works, rows)


def _run(executor: Executor, works: Sequence[Work], now: float = 0.0) -> list[Result | None]:
    return run_step(executor, _step(works), NOWHERE, lambda: now)


def _right(work: Work, result: Result | None) -> bool:
    expected: Any = work.request.inputs["x"] * 2 + 1
    return isinstance(result, Response) and np.array_equal(result.outputs["y"], expected)


@pytest.mark.parametrize("fault", FAILING)
@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    members=st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=9),
    axis=st.sampled_from([0, 1]),
)
def test_the_poison_is_found_and_neighbours_get_what_they_would_have_got_alone(
    fault: Fault, members: list[tuple[int, bool]], axis: int
) -> None:
    poisoned = {n for n, (rows, bad) in enumerate(members) if bad and rows}
    if fault is Fault.FEW_ROWS and axis == 1:
        axis = 0  # the fault takes rows of the first axis
    signature = signature_of(axis)
    works = []
    for number, (rows, _) in enumerate(members):
        shape = (rows, 3) if axis == 0 else (3, rows)
        value = POISON if number in poisoned else float(number)
        works.append(make_work(shape[0], width=shape[1], value=value, signature=signature))
    executor = ScriptedExecutor(signature, poison={POISON: fault})
    results = _run(executor, works)
    assert len(results) == len(works)
    for number, (work, result) in enumerate(zip(works, results, strict=True)):
        if number in poisoned:
            assert isinstance(result, ExecutionFailed)
            assert work.report is not None
            assert work.report.failed
        else:
            assert _right(work, result), result
            alone = make_work(1, signature=signature)
            alone.request.inputs = dict(work.request.inputs)
            alone.rows = work.rows
            (lone,) = _run(ScriptedExecutor(signature), [alone])
            assert isinstance(lone, Response)
            assert isinstance(result, Response)
            assert np.array_equal(lone.outputs["y"], result.outputs["y"])


def test_a_step_without_a_fault_runs_once() -> None:
    executor = ScriptedExecutor()
    works = [make_work(value=float(n)) for n in range(8)]
    assert all(map(_right, works, _run(executor, works)))
    assert len(executor.runs) == 1


def test_one_poison_among_many_costs_a_logarithm_of_runs() -> None:
    executor = ScriptedExecutor(poison={POISON: Fault.RAISE})
    works = [make_work(value=POISON if n == 21 else 1.0) for n in range(32)]
    _run(executor, works)
    assert len(executor.runs) == 1 + 2 * 5


def test_a_fault_that_passes_costs_nobody_an_answer() -> None:
    executor = ScriptedExecutor(script=[Fault.MEMORY, None, Fault.EXIT])
    works = [make_work(value=float(n)) for n in range(4)]
    assert all(map(_right, works, _run(executor, works)))


def test_a_model_that_always_fails_fails_each_by_itself() -> None:
    works = [make_work(value=float(n)) for n in range(5)]
    results = _run(ScriptedExecutor(always=Fault.EXIT), works)
    assert [str(result) for result in results] == ["the model raised SystemExit: 1"] * 5
    assert {work.report for work in works} == {work.report for work in works if work.report and work.report.failed}


def test_what_is_not_a_number_is_an_answer() -> None:
    works = [make_work(value=1.0), make_work(value=POISON)]
    fine, nan = _run(ScriptedExecutor(poison={POISON: Fault.NAN}), works)
    assert isinstance(nan, Response)
    assert isinstance(fine, Response)
    assert np.isnan(nan.outputs["y"]).all()


class Gone(ScriptedExecutor):
    """Notices in `prepare` that its worker is gone."""

    def prepare(self, step: Step) -> Any:
        raise Unavailable("the device is gone")


@pytest.mark.parametrize(
    "executor",
    [Gone(), ScriptedExecutor(script=[Fault.UNAVAILABLE]), ScriptedExecutor(script=[Fault.RAISE, Fault.UNAVAILABLE])],
    ids=["in prepare", "in execute", "in a part"],
)
def test_unavailable_passes_through(executor: Executor) -> None:
    with pytest.raises(Unavailable, match="the device is gone"):
        _run(executor, [make_work(), make_work()])


class Answering(Executor):
    """Answers with what it was made with."""

    def __init__(self, results: Sequence[Any]) -> None:
        self._results = results

    def prepare(self, step: Step) -> Any:
        return step

    def execute(self, step: Step) -> Outcome:
        return Outcome(self._results)


@pytest.mark.parametrize("results", [[], [Response({})] * 5])
def test_a_wrong_number_of_results_is_a_fault(results: Sequence[Any]) -> None:
    for result in _run(Answering(results), [make_work(), make_work()]):
        assert isinstance(result, ExecutionFailed)
        assert str(result) == f"the executor gave {len(results)} results for 1 requests"


def test_an_error_of_our_own_is_passed_on_as_it_is() -> None:
    class Picky(ScriptedExecutor):
        def prepare(self, step: Step) -> Any:
            if any(work.request.parameters for work in step.work):
                raise InvalidRequest("no parameters here")
            return super().prepare(step)

    fine, picked = make_work(value=2.0), make_work(parameters={"x": 1})
    first, second = _run(Picky(), [fine, picked])
    assert _right(fine, first)
    assert isinstance(second, InvalidRequest)


def test_what_was_cancelled_before_the_device_was_free_does_not_reach_it() -> None:
    executor = ScriptedExecutor()
    works = [make_work(value=float(n)) for n in range(4)]
    works[1].final = State.CANCELLED
    results = _run(executor, works)
    assert results[1] is None
    assert [_right(w, r) for w, r in zip(works, results, strict=True)] == [True, False, True, True]
    assert [run[:, 0].tolist() for run in executor.runs] == [[0.0, 2.0, 3.0]]


def test_what_expired_before_the_device_was_free_does_not_reach_it() -> None:
    executor = ScriptedExecutor()
    works = [make_work(value=1.0, timeout=1.0), make_work(value=2.0, timeout=3.0)]
    late, fine = _run(executor, works, now=2.0)
    assert isinstance(late, Expired)
    assert _right(works[1], fine)
    assert [run[:, 0].tolist() for run in executor.runs] == [[2.0]]


def test_a_step_that_nobody_waits_for_does_not_run_nor_count() -> None:
    executor = ScriptedExecutor()
    works = [make_work(timeout=1.0), make_work()]
    works[1].final = State.CANCELLED
    step = _step(works)
    late, gone = run_step(executor, step, NOWHERE, lambda: 5.0)
    assert isinstance(late, Expired)
    assert (gone, executor.runs, reports_of(step)) == (None, [], [])


def test_each_part_that_ran_is_reported_once() -> None:
    executor = ScriptedExecutor(poison={POISON: Fault.RAISE})
    works = [make_work(value=POISON if n == 0 else float(n)) for n in range(6)]
    works[4].final = State.CANCELLED
    step = _step(works)
    run_step(executor, step, NOWHERE, lambda: 0.0)
    reports = reports_of(step)
    assert [(report.rows, report.failed) for report in reports] == [(1, True), (1, False), (3, False)]
    assert len({id(report) for report in reports}) == len(reports)


def test_the_time_to_prepare_is_reported() -> None:
    ticks = iter(range(100))
    work = make_work()
    run_step(ScriptedExecutor(), _step([work]), NOWHERE, lambda: float(next(ticks)))
    assert work.report is not None
    assert work.report.prepare == 1.0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot open /home/me/models/a.onnx: gone", "cannot open <path>: gone"),
        ("C:\\Users\\me\\model.bin is bad", "<path> is bad"),
        ('File "/usr/lib/python3/x.py", line 3', 'File "<path>", line 3'),
        ("two\nlines\r\nof text", "two lines of text"),
        ("shape 3/4 of a/b", "shape 3/4 of a/b"),
        ("x" * 900, "x" * 497 + "..."),
    ],
)
def test_an_error_s_text_shows_no_paths_and_is_one_short_line(text: str, shown: str) -> None:
    assert public(text) == shown


def test_a_client_sees_no_path_of_the_host() -> None:
    (result,) = _run(ScriptedExecutor(always=Fault.RAISE), [make_work()])
    assert str(result) == "the model raised RuntimeError: cannot run <path>"
