"""Who comes back is told by when it arrived, not by when it is seen."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from jackfield import Work
from jackfield.testing import make_work
from jackfield_plugins.batching.returning import Returning


class Waits:
    """Work that waits, by its arrival."""

    def __init__(self, *arrivals: float) -> None:
        self._works = [make_work(now=at) for at in arrivals]

    def __iter__(self) -> Iterator[Work]:
        return iter(self._works)

    def __len__(self) -> int:
        return len(self._works)

    @property
    def rows(self) -> int:
        return len(self._works)

    def rows_of(self, key: Hashable) -> int:
        return len(self._works)


def _returning() -> Returning:
    return Returning(window=1.0, most=8)


def test_nobody_is_expected_before_anybody_was_answered() -> None:
    returning = _returning()
    returning.look(Waits(0.0))
    assert (returning.expected(0.0), returning.until) == (0, 0.0)


def test_as_many_are_expected_as_were_answered_until_the_window_is_over() -> None:
    returning = _returning()
    returning.answered(4, 10.0)
    returning.look(Waits())
    assert (returning.expected(10.5), returning.until) == (4, 11.0)
    assert returning.expected(11.1) == 0


def test_what_arrived_during_the_step_is_not_taken_for_a_return() -> None:
    returning = _returning()
    returning.answered(4, 10.0)
    returning.look(Waits(9.5, 9.9, 10.1))
    assert returning.expected(10.2) == 3


def test_what_was_seen_is_not_counted_again() -> None:
    returning = _returning()
    returning.answered(4, 10.0)
    for _ in range(3):
        returning.look(Waits(10.1, 10.2))
    assert returning.expected(10.3) == 2


def test_what_came_back_during_the_next_step_has_come_back() -> None:
    returning = _returning()
    for number in range(20):  # a step of ten seconds each, during which those of the step before return at once
        returning.answered(4, number * 10.0)
        returning.look(Waits(*[number * 10.0 - 9.9] * 4))
    assert returning.expected(190.5) == 4


def test_those_that_stay_away_are_no_longer_expected_and_may_be_again() -> None:
    returning = _returning()
    expected = []
    for number in range(40):
        at = number * 10.0
        returning.answered(4, at)
        returning.look(Waits(at - 5.0))
        expected.append(returning.expected(at))
    assert (expected[0], expected[-1]) == (4, 0)
    for number in range(40, 80):
        at = number * 10.0
        returning.answered(4, at)
        returning.look(Waits(*[at + 0.1] * 4))
    returning.answered(4, 800.0)
    returning.look(Waits())
    assert returning.expected(800.0) == 4


def test_a_deep_queue_teaches_nothing() -> None:
    returning = _returning()
    for number in range(40):
        returning.answered(8, number * 10.0)
        returning.look(Waits(*[number * 10.0 - 5] * 33))
    assert returning.expected(390.5) == 0
    returning.answered(8, 400.0)
    returning.look(Waits())
    assert returning.expected(400.0) == 8


def test_without_a_window_nobody_is_expected() -> None:
    returning = Returning(0.0, 8)
    returning.answered(4, 10.0)
    returning.look(Waits())
    assert returning.expected(10.0) == 0
