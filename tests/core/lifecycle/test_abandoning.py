"""A start is finished or abandoned, never both and never neither."""

from __future__ import annotations

import threading

import pytest

from jackfield.lifecycle.abandoning import Abandonment


def test_who_starts_is_told_once_that_nobody_waits() -> None:
    start, told = Abandonment(), list[str]()
    start.tell(lambda: told.append("before"))
    start.abandon()
    start.abandon()
    start.tell(lambda: told.append("after"))
    assert told == ["before", "after"]
    assert not start.finish(lambda: told.append("handed over"))
    assert told == ["before", "after"]


def test_what_is_finished_is_not_abandoned() -> None:
    start, told = Abandonment(), list[str]()
    start.tell(lambda: told.append("abandoned"))
    assert start.finish(lambda: told.append("handed over"))
    start.abandon()
    assert told == ["handed over"]


def test_one_that_cannot_be_told_does_not_keep_the_others_from_it(capsys: pytest.CaptureFixture[str]) -> None:
    start, told = Abandonment(), list[str]()

    def fails() -> None:
        raise ValueError("not now")

    start.tell(fails)
    start.tell(lambda: told.append("told"))
    start.abandon()
    assert told == ["told"]
    shown = capsys.readouterr()
    assert "not now" in shown.out + shown.err


def test_one_side_wins() -> None:
    for _ in range(200):
        start, told = Abandonment(), list[str]()
        start.tell(lambda told=told: told.append("abandoned"))  # type: ignore[misc]
        other = threading.Thread(target=start.abandon)
        other.start()
        start.finish(lambda told=told: told.append("handed over"))  # type: ignore[misc]
        other.join()
        assert len(told) == 1
