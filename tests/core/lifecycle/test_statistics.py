"""The ledger."""

from __future__ import annotations

import pytest

from jackfield.lifecycle.statistics import Duration, Statistics
from jackfield.testing import make_work
from jackfield.work import State, StepReport, Work


def _over(state: State, took: float = 1.0, rows: int = 2, report: StepReport | None = None) -> Work:
    work = make_work(rows, now=10.0)
    work.final, work.finished, work.report = state, 10.0 + took, report
    return work


def test_accepted_is_the_sum_of_what_became_of_it_and_what_is_outstanding() -> None:
    ledger = Statistics(accepted=6)
    for state in (State.COMPLETED, State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED):
        ledger.settled(_over(state))
    assert (ledger.completed, ledger.failed, ledger.cancelled, ledger.expired) == (2, 1, 1, 1)
    assert ledger.outstanding == 1
    assert ledger.rows == 4
    assert (ledger.success.count, ledger.fail.count) == (2, 2)


def test_time_in_the_queue_is_what_is_left_of_the_whole() -> None:
    ledger = Statistics()
    ledger.settled(_over(State.COMPLETED, 1.0, report=StepReport("r", 2, 1, 10.0, 0.1, 0.2, 0.3)))
    phases = (ledger.queue, ledger.compute_input, ledger.compute_infer, ledger.compute_output)
    assert [round(phase.ns / 1e9, 6) for phase in phases] == [0.4, 0.1, 0.2, 0.3]
    assert ledger.success.ns == 1_000_000_000


@pytest.mark.parametrize("seconds", [-1.0, -1e-12, 0.0])
def test_no_duration_is_negative(seconds: float) -> None:
    duration = Duration()
    duration.add(seconds)
    assert (duration.count, duration.ns) == (1, 0)


def test_time_in_the_queue_is_not_negative_however_clocks_differ() -> None:
    ledger = Statistics()
    ledger.settled(_over(State.COMPLETED, 0.1, report=StepReport("r", 2, 1, 10.0, 1.0, 1.0, 1.0)))
    assert ledger.queue.ns == 0


def test_steps_are_counted_by_rows_and_failed_ones_apart() -> None:
    ledger = Statistics()
    for report in (
        StepReport("r", 4, 2, 0.0, 0.1, 0.2, 0.3, 1),
        StepReport("r", 4, 1, 0.0),
        StepReport("r", 1, 1, 0.0),
    ):
        ledger.stepped(report)
    ledger.stepped(StepReport("r", 1, 1, 0.0, failed=True))
    assert (ledger.steps, ledger.failed_steps, ledger.padded_rows) == (4, 1, 1)
    assert {rows: batch.compute_infer.count for rows, batch in ledger.batches.items()} == {4: 2, 1: 1}


def test_refusals_are_counted_by_reason_and_were_never_accepted() -> None:
    ledger = Statistics()
    for reason in ("shed", "invalid", "shed"):
        ledger.refuse(reason)
    assert (ledger.refused, ledger.accepted, ledger.outstanding) == ({"shed": 2, "invalid": 1}, 0, 0)
