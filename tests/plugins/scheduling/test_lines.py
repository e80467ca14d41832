"""What is sure to run before new work really runs before it, in each default scheduler's own order."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from jackfield import Line, Options, Scheduler, Work
from jackfield.testing import make_work
from jackfield_plugins.scheduling.deadline import Deadline, DeadlineOptions
from jackfield_plugins.scheduling.fair import Fair, FairOptions
from jackfield_plugins.scheduling.fifo import Fifo
from jackfield_plugins.scheduling.priority import Priority, PriorityOptions

MAKERS: dict[str, Callable[[], Scheduler]] = {
    "fifo": lambda: Fifo(Options()),
    "priority": lambda: Priority(PriorityOptions()),
    "deadline": lambda: Deadline(DeadlineOptions()),
    "fair": lambda: Fair(FairOptions(weights={"a": 2.0})),
}


def _line(scheduler: Scheduler) -> Line:
    line = scheduler.line()
    assert line is not None
    return line


def _some(draw: random.Random, now: float) -> Work:
    return make_work(
        draw.choice((0, 1, 1, 3)),
        now=now,
        priority=draw.randrange(0, 9),
        tenant=draw.choice("abc"),
        timeout=draw.choice((None, 0.5, 2.0)),
    )


@pytest.mark.parametrize("name", MAKERS)
def test_it_is_no_more_than_what_the_scheduler_offers_first(name: str) -> None:
    known = 0.0
    for seed in range(200):
        draw, scheduler, now = random.Random(seed), MAKERS[name](), 0.0
        line = _line(scheduler)
        inside = []
        for _ in range(draw.randrange(40)):
            now += draw.choice((0.0, 0.001, 0.03))
            work = _some(draw, now)
            scheduler.add(work, now)
            line.enter(work)
            inside.append(work)
        for work in draw.sample(inside, len(inside) // 4):
            scheduler.remove(work)
            line.leave(work)
        new = _some(draw, now)
        ahead = line.ahead(new)
        scheduler.add(new, now)
        before = 0
        for work in scheduler.offer(now):
            if work is new:
                break
            before += work.rows
        slack = (
            9 if name in ("deadline", "fair") else 0
        )  # moments are told apart coarsely, and shares are of whole works
        assert ahead <= before + slack, seed
        known += ahead
    assert known > 400, "it is no use to know next to nothing"


@pytest.mark.parametrize("name", MAKERS)
def test_what_has_left_leaves_nothing_behind(name: str) -> None:
    draw, line = random.Random(1), _line(MAKERS[name]())
    works = [_some(draw, 0.0) for _ in range(50)]
    for work in works:
        line.enter(work)
    draw.shuffle(works)
    for work in works:
        line.leave(work)
    assert line.ahead(make_work(priority=99, tenant="a")) == 0


def test_tenants_stand_behind_their_own_work_and_what_the_others_get_meanwhile() -> None:
    line = _line(Fair(FairOptions(weights={"a": 2.0})))
    for tenant, rows in (("a", 10), ("b", 3), ("c", 100)):
        line.enter(make_work(rows, tenant=tenant))
    assert line.ahead(make_work(tenant="a")) == 10 + 3 + 5
    assert line.ahead(make_work(tenant="b")) == 3 + 6 + 3
    assert line.ahead(make_work(tenant="new")) == 0
