"""Rows in time, by target and by deadline."""

from __future__ import annotations

import pytest

from jackfield.testing import make_work
from jackfield_plugins.batching.timely import Timely

WORKS = [make_work(2, now=0.0, timeout=1.0), make_work(1, now=0.5), make_work(4, now=0.5, timeout=0.2)]


@pytest.mark.parametrize(
    ("size", "seconds", "ahead", "target", "rows"),
    [
        (7, 0.15, 0.0, None, 7),  # all in time: those with deadlines are due 0.5 and 0.2 s from now
        (7, 0.3, 0.0, None, 3),
        (3, 0.3, 0.0, None, 3),  # the late one is not among them
        (7, 0.3, 0.3, None, 1),
        (7, 0.15, 0.0, 0.6, 5),  # the first came 0.5 s ago
        (9, 0.3, 0.0, None, 5),  # two rows are still to come
    ],
)
def test_rows_in_time(size: int, seconds: float, ahead: float, target: float | None, rows: int) -> None:
    assert Timely(WORKS, WORKS[0], 32, 0.5, ahead, target).rows(size, seconds) == rows


def test_without_deadlines_and_target_everything_is_in_time() -> None:
    works = [make_work(now=0.0) for _ in range(4)]
    assert Timely(works, works[0], 32, 100.0, 0.0, None).rows(4, 50.0) == 4


def test_works_of_other_keys_do_not_share_the_step() -> None:
    works = [make_work(now=0.0), make_work(now=0.0, width=3, timeout=0.1), make_work(now=0.0)]
    assert Timely(works, works[0], 32, 1.0, 0.0, None).rows(2, 9.0) == 2
