"""Saying no in time, and when to come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from jackfield.engine.admission import Admission, Limits
from jackfield.errors import InvalidRequest, Overloaded
from jackfield.interfaces import Line
from jackfield.testing import make_work
from jackfield.work import State, StepReport, Work
from jackfield_plugins.scheduling.lines import InLine


@dataclass
class Queue:
    """What stands before a device."""

    waiting: int = 0
    waiting_rows: int = 0
    executing_since: float | None = None


def _admission(queue: Queue | None = None, line: Line | None = None, **limits: Any) -> Admission:
    return Admission(
        "double",
        Limits(**{"max_rows": 100, "max_queue": 100, "max_queue_bytes": 10**6} | limits),
        queue or Queue(),
        line,
    )


def _taught(admission: Admission, rows: int = 10, seconds: float = 1.0) -> Admission:
    """Steps of `rows` take `seconds`."""
    for number in range(2):
        admission.learn([StepReport("", rows, rows, number * seconds, execute=seconds, waiting=rows)])
    return admission


def _filled(admission: Admission, queue: Queue, *works: Work) -> Admission:
    for work in works:
        admission.enter(work)
        queue.waiting += 1
        queue.waiting_rows += work.rows
    return admission


def test_a_full_queue_takes_nothing_more() -> None:
    queue = Queue(2, 2)
    admission = _admission(queue, max_queue=3)
    admission.check(make_work())
    queue.waiting = 3
    full = "Exceeds maximum queue size: 3 requests wait for model 'double', at most 3 may"
    with pytest.raises(Overloaded, match=full):
        admission.check(make_work())
    with pytest.raises(Overloaded, match=full):
        admission.check_room(0)


def test_bytes_are_limited_but_one_request_always_fits() -> None:
    admission = _admission(max_queue_bytes=100)
    large = make_work(20)  # 160 bytes
    admission.check(large)
    admission.enter(make_work(11))  # 88 bytes
    admission.check(make_work(1))
    admission.check_room(12)
    full = "88 bytes of inputs are held for model 'double', at most 100 may be"
    with pytest.raises(Overloaded, match=full):
        admission.check(make_work(2))
    with pytest.raises(Overloaded, match=full):
        admission.check_room(13)


def test_rows_are_limited_but_one_request_always_fits() -> None:
    queue = Queue()
    admission = _admission(queue, max_queue_rows=10)
    admission.check(make_work(20))
    queue.waiting_rows = 8
    admission.check(make_work(2))
    admission.check_room(0)
    with pytest.raises(Overloaded, match="8 rows wait for model 'double', at most 10 may, and this request has 3"):
        admission.check(make_work(3))
    queue.waiting_rows = 10
    with pytest.raises(Overloaded, match="10 rows wait for model 'double', at most 10 may"):
        admission.check_room(0)


def test_a_request_of_too_many_rows_is_wrong_and_not_unlucky() -> None:
    admission = _admission(Queue(9, 9), max_rows=4, max_queue=1)
    with pytest.raises(InvalidRequest, match="batch-size must be <= 4 for 'double', got 5"):
        admission.check(make_work(5))


@pytest.mark.parametrize(("rows", "seconds", "waiting", "expected"), [(10, 5.0, 7, 4.0), (1, 0.001, 1, 1.0)])
def test_retry_after_is_when_what_waits_is_worked_off(rows: int, seconds: float, waiting: int, expected: float) -> None:
    admission = _taught(_admission(Queue(1, waiting), max_queue=1), rows, seconds)
    with pytest.raises(Overloaded) as full:
        admission.check_room(0)
    assert full.value.retry_after == expected


def test_retry_after_is_bounded() -> None:
    queue = Queue(1, 10**9)
    for admission, expected in ((_admission(queue, max_queue=1), 1.0), (_taught(_admission(queue, max_queue=1)), 60.0)):
        with pytest.raises(Overloaded) as full:
            admission.check_room(0)
        assert full.value.retry_after == expected


def test_a_deadline_that_cannot_be_kept_is_shed_with_the_time_until_it_could() -> None:
    queue = Queue()
    admission = _filled(_taught(_admission(queue, InLine())), queue, make_work(35))
    admission.check(make_work(timeout=4.0))  # three steps are ahead, and its own is the fourth
    admission.check(make_work())
    with pytest.raises(Overloaded) as shed:
        admission.check(make_work(timeout=1.5))
    assert str(shed.value) == (
        "model 'double' is overloaded: a request would be answered after some 4 s, and this one's deadline is in 1.5 s"
    )
    assert shed.value.retry_after == 3.0


def test_of_the_step_that_runs_only_the_rest_is_ahead() -> None:
    queue = Queue(executing_since=100.0)
    admission = _taught(_admission(queue, InLine()))
    admission.enter(make_work(10))
    admission.check(make_work(now=100.75, timeout=1.25))
    with pytest.raises(Overloaded, match=r"after some 1\.5 s"):
        admission.check(make_work(now=100.5, timeout=1.25))


def test_nobody_is_shed_for_a_deadline_before_anything_was_learned() -> None:
    queue = Queue()
    _filled(_admission(queue, InLine()), queue, make_work(99)).check(make_work(timeout=1e-9))


def test_nobody_is_shed_for_a_deadline_where_nothing_is_ahead() -> None:
    _taught(_admission(line=InLine())).check(make_work(timeout=0.01))


def test_what_is_not_surely_ahead_does_not_count() -> None:
    class Later(Line):
        def enter(self, work: Work) -> None: ...

        def leave(self, work: Work) -> None: ...

        def ahead(self, work: Work) -> float:
            return 12.0 if work.request.priority else 99.0

    for line in (None, Later()):
        queue = Queue()
        admission = _filled(_taught(_admission(queue, line)), queue, make_work(90))
        admission.check(make_work(timeout=2.0, priority=1))
    with pytest.raises(Overloaded):
        admission.check(make_work(timeout=2.0))


def test_accepted_requests_that_come_late_make_it_more_careful() -> None:
    queue = Queue()
    admission = _filled(_taught(_admission(queue, InLine())), queue, make_work(30))
    admission.check(make_work(timeout=4.1))
    for _ in range(20):
        late = make_work(timeout=4.1)
        admission.enter(late)
        late.final = State.EXPIRED
        admission.leave(late)
    with pytest.raises(Overloaded):
        admission.check(make_work(timeout=4.1))


def test_a_wait_is_limited_for_requests_without_a_deadline_too() -> None:
    queue = Queue()
    admission = _filled(_taught(_admission(queue, InLine(), max_wait=2.5)), queue, make_work(29))
    admission.check(make_work())
    _filled(admission, queue, make_work(20))
    with pytest.raises(Overloaded) as shed:
        admission.check(make_work())
    assert str(shed.value) == (
        "model 'double' is overloaded: a request would wait some 4 s, and at most 2.5 s are allowed"
    )
    assert shed.value.retry_after == 2.0


def test_what_left_is_no_longer_there() -> None:
    line = InLine()
    admission = _admission(line=line)
    work, other = make_work(3), make_work(2)
    admission.enter(work)
    admission.enter(other)
    admission.leave(work)
    assert (admission.rows, admission.bytes, line.ahead(work)) == (2, other.bytes, 2)


def test_a_new_line_knows_what_is_there() -> None:
    admission = _admission()
    works = [make_work(3), make_work(2)]
    for work in works:
        admission.enter(work)
    line = InLine()
    admission.reline(line, works)
    assert line.ahead(make_work()) == 5
    for work in works:
        admission.leave(work)
    assert line.ahead(make_work()) == 0


@pytest.mark.parametrize("fault", ["enter", "leave", "ahead"])
def test_a_line_that_raises_is_not_asked_again_and_costs_nobody_a_request(fault: str) -> None:
    class Faulty(InLine):
        def _raise(self, work: Work) -> Any:
            raise LookupError

    setattr(Faulty, fault, Faulty._raise)
    queue = Queue()
    admission = _filled(_taught(_admission(queue, Faulty())), queue, make_work(90))
    admission.check(make_work(timeout=2.0) if fault == "ahead" else make_work())
    admission.leave(make_work(90))
    assert (admission.rows, admission._line) == (0, None)
