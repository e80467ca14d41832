"""Saying no in time, and when to come back."""

from __future__ import annotations

import pytest

from jackfield.engine.admission import Admission
from jackfield.errors import InvalidRequest, Overloaded
from jackfield.testing import make_work


def test_a_full_queue_takes_nothing_more() -> None:
    admission = Admission(max_queue=3, max_bytes=10**6, max_rows=8)
    admission.check(make_work(), 2, 2, 0)
    with pytest.raises(
        Overloaded, match="Exceeds maximum queue size: 3 requests wait for model 'double', at most 3 may"
    ):
        admission.check(make_work(), 3, 3, 0)


def test_bytes_are_limited_but_one_request_always_fits() -> None:
    admission = Admission(max_queue=100, max_bytes=100, max_rows=100)
    large = make_work(20)  # 160 bytes
    admission.check(large, 0, 0, 0)
    admission.check(make_work(1), 1, 1, 92)
    with pytest.raises(Overloaded, match="93 bytes of inputs are held for model 'double', at most 100 may be"):
        admission.check(make_work(1), 1, 1, 93)


def test_a_request_of_too_many_rows_is_wrong_and_not_unlucky() -> None:
    admission = Admission(max_queue=0, max_bytes=0, max_rows=4)
    with pytest.raises(InvalidRequest, match="batch-size must be <= 4 for 'double', got 5"):
        admission.check(make_work(5), 0, 0, 0)


def test_retry_after_follows_from_how_long_rows_took() -> None:
    admission = Admission(max_queue=1, max_bytes=1, max_rows=1)
    assert admission.retry_after(10**6) == 1.0  # nothing is known yet
    admission.learn(10, 5.0)
    assert admission.retry_after(7) == 4.0
    with pytest.raises(Overloaded) as full:
        admission.check(make_work(), 1, 7, 0)
    assert full.value.retry_after == 4.0


def test_retry_after_is_whole_seconds_within_bounds() -> None:
    admission = Admission(max_queue=1, max_bytes=1, max_rows=1)
    admission.learn(1, 0.001)
    assert admission.retry_after(1) == 1.0
    assert admission.retry_after(10**9) == 60.0


def test_newer_steps_count_more() -> None:
    admission = Admission(max_queue=1, max_bytes=1, max_rows=1)
    admission.learn(1, 1.0)
    for _ in range(50):
        admission.learn(1, 3.0)
    assert admission.retry_after(2) == 6.0


def test_a_step_without_rows_teaches_nothing() -> None:
    admission = Admission(max_queue=1, max_bytes=1, max_rows=1)
    admission.learn(1, 2.0)
    admission.learn(0, 100.0)
    assert admission.retry_after(2) == 4.0
