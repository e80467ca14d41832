"""The queue knows how much of what waits, and for how long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.engine.queue import Queue
from jackfield.testing import make_work
from jackfield.work import State, Work
from tests.core.engine.plain import InOrder

ADD = st.tuples(
    st.just("add"), st.integers(0, 5), st.integers(1, 3), st.one_of(st.none(), st.floats(0, 10, allow_nan=False))
)
LEAVE = st.tuples(st.sampled_from(["remove", "cancel"]), st.integers(0, 30), st.just(0), st.none())
PASS = st.tuples(st.just("pass"), st.integers(0, 3), st.just(0), st.none())


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.lists(st.one_of(ADD, LEAVE, PASS), max_size=40))
def test_counts_keys_and_deadlines_are_those_of_what_is_in_it(steps: list[tuple[str, int, int, float | None]]) -> None:
    queue, now = Queue(InOrder()), 0.0
    inside: list[Work] = []
    for what, number, width, timeout in steps:
        if what == "add":
            work = make_work(number, width=width, now=now, timeout=timeout)
            queue.add(work, now)
            inside.append(work)
        elif what == "pass":
            now += number
            expired = queue.advance(now)
            due = {w for w in inside if w.deadline is not None and w.deadline <= now}
            assert set(expired) == {w for w in due if w.final is None}
            assert len(set(expired)) == len(expired)
            inside = [w for w in inside if w not in due]
        elif inside:
            work = inside[number % len(inside)]
            if what == "cancel":
                work.final = State.CANCELLED  # the event loop says so before it withdraws
            else:
                queue.remove(work)
                inside.remove(work)
        queue.advance(now)
        inside = [w for w in inside if w.deadline is None or w.deadline > now]
        assert len(queue) == len(inside)
        assert list(queue) == [w for w in inside if w.final is None]
        assert queue.rows == sum(w.rows for w in inside)
        for key in {w.key for w in inside}:
            assert queue.rows_of(key) == sum(w.rows for w in inside if w.key == key)
        assert queue.next_deadline == min((w.deadline for w in inside if w.deadline is not None), default=None)
        assert all(w in queue for w in inside)
    for work in inside:
        queue.remove(work)
        queue.remove(work)  # what has left may be removed again
    assert (len(queue), queue.rows, queue._rows_by_key) == (0, 0, {})


def test_deadlines_of_what_has_left_do_not_pile_up() -> None:
    queue = Queue(InOrder())
    first = make_work(timeout=1.0)
    queue.add(first, 0.0)
    for _ in range(2000):
        work = make_work(timeout=60.0)
        queue.add(work, 0.0)
        queue.remove(work)
    assert len(queue._deadlines) < 100
    assert queue.next_deadline == 1.0
    assert queue.advance(1.0) == [first]


def test_any_is_in_the_queue() -> None:
    queue = Queue(InOrder())
    works = [make_work() for _ in range(3)]
    for work in works:
        queue.add(work, 0.0)
    assert queue.any() in works


class Forgetful(InOrder):
    """Raises instead of letting go, and offers for ever what it was given."""

    def remove(self, work: Work) -> None:
        raise KeyError("what work?")


def test_a_scheduler_that_does_not_let_go_changes_nothing() -> None:
    queue = Queue(Forgetful())
    first, second = make_work(2), make_work(3)
    queue.add(first, 0.0)
    queue.add(second, 0.0)
    queue.remove(first)
    assert (len(queue), queue.rows, list(queue)) == (1, 3, [second])


class Refusing(InOrder):
    """Takes nothing in."""

    def add(self, work: Work, now: float) -> None:
        raise ValueError("no")


def test_what_the_scheduler_refuses_is_not_in_the_queue() -> None:
    queue, work = Queue(Refusing()), make_work(2, timeout=1.0)
    with pytest.raises(ValueError, match="no"):
        queue.add(work, 0.0)
    assert (len(queue), queue.rows, queue.next_deadline, work in queue) == (0, 0, None, False)


def test_a_new_scheduler_gets_all_that_waits_by_its_arrival() -> None:
    given: list[tuple[Work, float]] = []

    class Noting(InOrder):
        def add(self, work: Work, now: float) -> None:
            given.append((work, now))
            super().add(work, now)

    class Backwards(InOrder):
        def offer(self, now: float) -> Iterator[Work]:
            return reversed(list(super().offer(now)))

    queue = Queue(Backwards())
    works = [make_work(n + 1, now=float(n), timeout=10.0) for n in range(4)]
    for work in works:
        queue.add(work, work.arrival)
    queue.remove(works[1])
    assert list(queue) == [works[3], works[2], works[0]]
    assert queue.reorder(Noting()) == []
    left = [works[0], works[2], works[3]]
    assert given == [(work, work.arrival) for work in left]
    assert (list(queue), len(queue), queue.rows, queue.next_deadline) == (left, 3, 8, 10.0)
    assert queue.advance(12.0) == left[:2]


def test_a_scheduler_that_offers_nothing_any_more_loses_nothing_when_it_goes() -> None:
    class Gone(InOrder):
        def offer(self, now: float) -> Iterator[Work]:
            raise LookupError

    queue = Queue(Gone())
    works = [make_work(now=float(n)) for n in range(3)]
    for work in works:
        queue.add(work, 0.0)
    queue.reorder(InOrder())
    assert list(queue) == works


def test_work_that_the_new_scheduler_does_not_take_in_is_told() -> None:
    class Choosy(InOrder):
        def add(self, work: Work, now: float) -> None:
            if work.rows == 2:
                raise LookupError
            super().add(work, now)

    queue = Queue(InOrder())
    works = [make_work(rows) for rows in (1, 2, 3)]
    for work in works:
        queue.add(work, 0.0)
    ((refused, error),) = queue.reorder(Choosy())
    assert (refused, type(error)) == (works[1], LookupError)
    assert (list(queue), queue.rows) == ([works[0], works[2]], 4)
