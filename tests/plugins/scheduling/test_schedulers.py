"""The default schedulers: whose turn it is, and that everybody's comes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from jackfield import Options, Scheduler, Work
from jackfield.testing import make_work
from jackfield_plugins.scheduling.fifo import Fifo
from jackfield_plugins.scheduling.priority import Priority, PriorityOptions

Make = Callable[[], Scheduler]
MAKERS: list[Make] = [lambda: Fifo(Options()), lambda: Priority(PriorityOptions())]
both = pytest.mark.parametrize("make", MAKERS, ids=["fifo", "priority"])


def _priority(**options: float) -> Priority:
    return Priority(PriorityOptions(**options))  # type: ignore[arg-type]


def _add(scheduler: Scheduler, now: float, priority: int = 0) -> Work:
    work = make_work(now=now, priority=priority)
    scheduler.add(work, now)
    return work


@both
@settings(deadline=None, derandomize=True, max_examples=100)
@given(steps=st.lists(st.tuples(st.integers(-2, 10), st.integers(0, 3), st.floats(0, 2)), max_size=40))
def test_nothing_is_lost_nor_doubled(make: Make, steps: list[tuple[int, int, float]]) -> None:
    scheduler, now = make(), 0.0
    inside: list[Work] = []
    for priority, choice, seconds in steps:
        now += seconds
        if choice == 0 and inside:
            scheduler.remove(inside.pop(priority % len(inside)))
        else:
            inside.append(_add(scheduler, now, priority))
        assert len(scheduler) == len(inside)
        offered = list(scheduler.offer(now))
        assert len(offered) == len(inside)
        assert set(offered) == set(inside)
        assert list(scheduler.offer(now)) == offered, "a second look shows something else"


@both
def test_one_priority_is_first_come_first_served(make: Make) -> None:
    scheduler = make()
    works = [_add(scheduler, number / 10) for number in range(20)]
    for work in works[3:10]:
        scheduler.remove(work)
    assert list(scheduler.offer(2.0)) == works[:3] + works[10:]


@both
def test_an_offer_can_be_left_half_way(make: Make) -> None:
    scheduler = make()
    works = [_add(scheduler, 0.0, number % 3) for number in range(9)]
    assert len(list(islice(scheduler.offer(0.0), 2))) == 2
    for work in works:
        scheduler.remove(work)
    assert (len(scheduler), list(scheduler.offer(1.0))) == (0, [])


@both
def test_letting_go_looks_at_no_other_work(make: Make) -> None:
    looked: list[Work] = []

    class Watched(Work):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            looked.append(self)
            return self is other

        __hash__ = object.__hash__

    scheduler = make()
    works = []
    for _ in range(200):
        plain = make_work()
        works.append(Watched(plain.request, 1, 8, plain.key, 0.0, None, plain.sink))
        scheduler.add(works[-1], 0.0)
    for work in works[50:150]:
        scheduler.remove(work)
    assert len(looked) < 20, "it was searched for"


def test_urgent_work_goes_first() -> None:
    scheduler = _priority()
    low, middle, high = (_add(scheduler, 0.0, priority) for priority in (8, 0, 1))
    assert list(scheduler.offer(0.0)) == [high, middle, low]


@pytest.mark.parametrize(
    ("priority", "like"), [(0, 4), (-1, 4), (-(10**9), 4), (9, 8), (10**9, 8)], ids=["none", "-1", "-1e9", "9", "1e9"]
)
def test_odd_priorities_are_those_of_the_nearest_level(priority: int, like: int) -> None:
    scheduler = _priority()
    first, odd, second = _add(scheduler, 0.0, like), _add(scheduler, 0.0, priority), _add(scheduler, 0.0, like)
    assert list(scheduler.offer(0.0)) == [first, odd, second]


def test_waiting_outweighs_priority() -> None:
    scheduler = _priority(ageing_s=1.0)
    low = _add(scheduler, 0.0, 4)
    before, after = _add(scheduler, 2.9, 1), _add(scheduler, 3.1, 1)
    assert list(scheduler.offer(3.1)) == [before, low, after]


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    arrivals=st.lists(st.tuples(st.floats(0, 3), st.integers(0, 5)), min_size=2, max_size=30),
    ageing=st.sampled_from([0.01, 0.5, 2.0]),
)
def test_nobody_is_overtaken_by_what_came_much_later(arrivals: list[tuple[float, int]], ageing: float) -> None:
    levels, default = 5, 3
    scheduler, now = _priority(levels=levels, default_level=default, ageing_s=ageing), 0.0
    level: dict[Work, int] = {}
    for seconds, priority in arrivals:
        now += seconds
        level[_add(scheduler, now, priority)] = priority or default
    order = list(scheduler.offer(now))
    for place, ahead in enumerate(order):
        for behind in order[place + 1 :]:
            if ahead.arrival > behind.arrival:  # it overtook
                assert ahead.arrival - behind.arrival <= (level[behind] - level[ahead]) * ageing + 1e-9


def test_low_priority_is_served_under_an_endless_stream_of_high_ones() -> None:
    scheduler, now = _priority(levels=8, ageing_s=0.1), 0.0
    low = _add(scheduler, now, 8)
    served = 0
    while low in set(scheduler.offer(now)):
        now += 0.01
        _add(scheduler, now, 1)  # as many come as are served
        scheduler.remove(next(iter(scheduler.offer(now))))
        served += 1
        assert served < 100
    assert now == pytest.approx(0.7, abs=0.02)


@pytest.mark.parametrize("options", [{"default_level": 9}, {"levels": 0}, {"ageing_s": 0}, {"levels": 3}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        PriorityOptions(**options)  # type: ignore[arg-type]
