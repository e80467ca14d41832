"""The contract of schedulers catches what a scheduler can get wrong."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from jackfield.interfaces import Scheduler
from jackfield.options import Options
from jackfield.testing import SchedulerContract
from jackfield.work import Work
from tests.core.testing.breaking import assert_breaks, broken


class Good(Scheduler):
    """First come, first served."""

    def __init__(self) -> None:
        super().__init__(Options())
        self.works: list[Work] = []

    def add(self, work: Work, now: float) -> None:
        self.works.append(work)

    def remove(self, work: Work) -> None:
        self.works.remove(work)

    def offer(self, now: float) -> Iterator[Work]:
        return iter(self.works)

    def __len__(self) -> int:
        return len(self.works)


class NewestFirst(Good):
    """Starves what came first."""

    def offer(self, now: float) -> Iterator[Work]:
        return reversed(self.works)


class HighestFirst(Good):
    """Starves what is of low priority: nothing ages."""

    def offer(self, now: float) -> Iterator[Work]:
        return iter(sorted(self.works, key=lambda work: work.request.priority or 4))


class DueFirst(Good):
    """Starves what has no deadline."""

    def offer(self, now: float) -> Iterator[Work]:
        return iter(sorted(self.works, key=lambda work: work.deadline or float("inf")))


class SmallestFirst(Good):
    """Starves what is large."""

    def offer(self, now: float) -> Iterator[Work]:
        return iter(sorted(self.works, key=lambda work: work.rows))


class NewTenantsFirst(Good):
    """Starves those who have asked before."""

    def offer(self, now: float) -> Iterator[Work]:
        tenants = Counter(work.request.tenant for work in self.works)
        return iter(sorted(self.works, key=lambda work: tenants[work.request.tenant]))


class Loses(Good):
    """Keeps one work a moment."""

    last = -1.0

    def add(self, work: Work, now: float) -> None:
        if now != self.last:
            super().add(work, now)
        self.last = now

    def remove(self, work: Work) -> None:
        if work in self.works:
            super().remove(work)


class Doubles(Good):
    """Offers what is urgent again at the end."""

    def offer(self, now: float) -> Iterator[Work]:
        yield from self.works
        yield from (work for work in self.works if work.request.priority == 1)


class Keeps(Good):
    """Goes on offering what has left."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Work] = []

    def add(self, work: Work, now: float) -> None:
        super().add(work, now)
        self.all.append(work)

    def offer(self, now: float) -> Iterator[Work]:
        return iter(self.all)


class OnlyTheFirst(Good):
    """Removes the first, whatever it was told to."""

    def remove(self, work: Work) -> None:
        self.works.pop(0)


class Consumes(Good):
    """Forgets what it has offered."""

    def offer(self, now: float) -> Iterator[Work]:
        while self.works:
            yield self.works.pop(0)

    def remove(self, work: Work) -> None:
        if work in self.works:
            super().remove(work)


class Miscounts(Good):
    """Counts rows."""

    def __len__(self) -> int:
        return sum(work.rows for work in self.works)


class Rolls(Good):
    """Has another order each time."""

    def offer(self, now: float) -> Iterator[Work]:
        return iter(random.sample(self.works, len(self.works)))


class OnlyOnce(Good):
    """Takes no work that was in there before."""

    def __init__(self) -> None:
        super().__init__()
        self.known: set[Work] = set()

    def add(self, work: Work, now: float) -> None:
        if work not in self.known:
            super().add(work, now)
        self.known.add(work)

    def remove(self, work: Work) -> None:
        if work in self.works:
            super().remove(work)


class ReadsTheClock(Good):
    """Asks the operating system."""

    def add(self, work: Work, now: float) -> None:
        super().add(work, time.perf_counter())


class Chokes(Good):
    """Cannot stand work without rows."""

    def add(self, work: Work, now: float) -> None:
        assert 1 / work.rows
        super().add(work, now)


def contract(make: Callable[[], Scheduler]) -> type[SchedulerContract]:
    class Contract(SchedulerContract):
        def scheduler(self) -> Scheduler:
            return make()

    return Contract


def test_a_good_scheduler_keeps_to_it() -> None:
    assert broken(contract(Good)) == {}


@pytest.mark.parametrize(
    ("scheduler", "test", "says"),
    [
        (NewestFirst, "nobody_starves", "5 of 5 works starve: newer work that is of the same tenant was served"),
        (HighestFirst, "nobody_starves", "5 of 5 works starve"),
        (DueFirst, "nobody_starves", "newer work that is due soon"),
        (SmallestFirst, "nobody_starves", "5 of 5 works starve"),
        (NewTenantsFirst, "nobody_starves_behind_new_tenants", "newer work that is each of a new tenant"),
        (Loses, "all_that_is_in_there_is_offered_once", "works are in there and not offered"),
        (Doubles, "all_that_is_in_there_is_offered_once", "works are offered more than once"),
        (Keeps, "all_that_is_in_there_is_offered_once", "works are offered that are not in there"),
        (OnlyTheFirst, "work_can_leave_from_anywhere", "not offered"),
        (Consumes, "the_order_stands_while_nothing_changes", "the order is another when it is asked for again"),
        (Miscounts, "the_length_is_how_much_is_in_there", "works in there"),
        (Rolls, "the_order_stands_while_nothing_changes", "the order is another when it is asked for again"),
        (OnlyOnce, "work_can_come_back", "2 of 2 works are in there and not offered"),
        (ReadsTheClock, "a_server_with_it_answers_every_request", "time.perf_counter was called"),
        (Chokes, "a_server_with_it_answers_every_request", "add raised ZeroDivisionError"),
    ],
)
def test_what_a_scheduler_gets_wrong_is_caught(scheduler: type[Scheduler], test: str, says: str) -> None:
    assert_breaks(contract(scheduler), test, says)
