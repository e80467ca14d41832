"""How fast a replica works, and how long that takes for what waits."""

from __future__ import annotations

import pytest

from jackfield.engine.pace import Pace
from jackfield.work import StepReport


def _report(started: float, rows: int, seconds: float, waiting: int = 0) -> StepReport:
    return StepReport("m/1/0", rows, rows, started, execute=seconds, waiting=waiting)


def _steps(pace: Pace, count: int, rows: int, seconds: float, *, start: float = 0.0) -> None:
    """Full steps one after another, with more behind each."""
    for number in range(count):
        pace.learn([_report(start + number * seconds, rows, seconds, waiting=rows)])


def test_nothing_is_expected_of_the_unknown() -> None:
    pace = Pace()
    assert (pace.start(10**6, 0, 0.0), pace.end(0.0)) == (0.0, 0.0)
    pace.kept(1.0, kept=False)
    assert pace.error == 0.0


def test_full_steps_are_counted_whole_and_from_one_to_the_next() -> None:
    pace = Pace()
    for number in range(50):  # a tenth of a second passes between the steps, where nothing executes
        pace.learn([_report(number * 0.5, 8, 0.4, waiting=8)])
    assert (pace.rows, pace.seconds) == pytest.approx((8.0, 0.5), rel=1e-3)
    assert pace.start(7, 0, 0.0) == 0.0
    assert pace.start(24, 0, 0.0) == pytest.approx(1.5, rel=1e-3)


def test_of_what_runs_only_the_rest_is_ahead() -> None:
    pace = Pace()
    _steps(pace, 50, 8, 0.5)
    assert pace.start(8, 8, 0.2) == pytest.approx(0.3)
    assert pace.start(16, 8, 0.2) == pytest.approx(0.8)
    assert pace.start(8, 8, 9.0) == 0.0


def test_a_step_that_was_not_full_shows_that_the_pace_is_not_slower() -> None:
    pace = Pace()
    _steps(pace, 2, 8, 0.8)
    pace.learn([_report(1.6, 1, 0.7)])
    pace.learn([_report(9.0, 1, 0.7)])
    assert (pace.rows, pace.seconds) == (8.0, 0.8)  # a step takes less for one row, and that is no news
    for number in range(60):
        pace.learn([_report(10.0 + number, 1, 0.01)])
    assert pace.seconds / pace.rows == pytest.approx(0.01, rel=0.01)


def test_a_step_that_was_not_full_and_takes_longer_shows_that_the_pace_is_slower() -> None:
    pace = Pace()
    _steps(pace, 2, 8, 0.1)
    pace.learn([_report(0.2, 4, 0.1)])
    for number in range(60):
        pace.learn([_report(9.0 + number, 4, 0.3)])
    assert pace.seconds == pytest.approx(0.3, rel=0.01)


def test_one_slow_step_counts_for_two() -> None:
    pace = Pace()
    _steps(pace, 30, 8, 0.1)
    pace.learn([_report(3.0, 8, 50.0, waiting=8)])
    pace.learn([_report(53.0, 8, 0.1)])
    assert pace.seconds == pytest.approx(0.12)


def test_bisected_steps_and_those_without_rows_tell_nothing() -> None:
    pace = Pace()
    failed = _report(0.0, 4, 9.0)
    failed.failed = True
    for reports in ([failed], [_report(1.0, 4, 9.0), _report(1.0, 4, 9.0)], [_report(2.0, 0, 9.0)], []):
        pace.learn(reports)
    assert (pace.rows, pace.seconds) == (0.0, 0.0)
    pace.learn([_report(3.0, 4, 1.0, waiting=4)])
    pace.learn([failed])
    pace.learn([_report(9.0, 4, 1.0, waiting=4)])  # what came between was no step like others
    assert pace.seconds == 1.0


def test_two_lanes_that_plan_at_once_do_not_work_in_no_time() -> None:
    pace = Pace()
    pace.learn([_report(0.0, 8, 0.4, waiting=16)])
    pace.learn([_report(0.001, 8, 0.4, waiting=8)])
    assert pace.seconds == pytest.approx(0.4)


def test_the_error_settles_where_one_in_ten_is_late() -> None:
    pace = Pace()
    _steps(pace, 2, 4, 0.1)
    pace.kept(0.05, kept=False)  # shorter than a step: no fault of the estimate
    assert pace.error == 0.0
    for _ in range(10):
        pace.kept(1.0, kept=False)
    before = pace.error
    assert before == pytest.approx(0.25)
    for number in range(100):
        pace.kept(1.0, kept=number % 10 != 0)
    assert pace.error == pytest.approx(before, abs=0.05)
    for _ in range(1000):
        pace.kept(1.0, kept=False)
    assert pace.error == 0.5
    for _ in range(1000):
        pace.kept(1.0, kept=True)
    assert pace.error == 0.0
