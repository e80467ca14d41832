"""What every scheduler keeps to."""

from __future__ import annotations

import itertools
import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from jackfield.interfaces import Scheduler
from jackfield.testing.contracts.traffic import EVERYDAY, Played
from jackfield.testing.contracts.watching import WatchedScheduler
from jackfield.testing.making import make_work
from jackfield.testing.plain import Together, TogetherOptions
from jackfield.work import State, Work

_ROUNDS = 1000
_FAVOURED: Mapping[str, Mapping[str, Any]] = {
    "of the same tenant": {"tenant": "old"},
    "of the highest priority": {"priority": 1, "tenant": "old"},
    "due soon": {"timeout": 5.0, "tenant": "old"},
    "of another tenant": {"tenant": "another"},
    "without rows": {"rows": 0, "tenant": "old"},
    "all of that": {"priority": 1, "timeout": 5.0, "tenant": "another", "rows": 0},
}
"""Newer work that a scheduler may like better than what waits."""


class SchedulerContract(ABC):
    """Subclass it with a name that begins with `Test`, say by `scheduler` what is to be tested, and run pytest.

    `longest_wait`: virtual seconds within which any work has its turn, while newer work that the scheduler favours
    comes twice as fast as it can be served.
    """

    longest_wait: ClassVar[float] = 100.0

    @abstractmethod
    def scheduler(self) -> Scheduler:
        """A new scheduler, made with options as the configuration would."""

    def work(self, draw: random.Random, now: float) -> Work:
        """Some work. Override it if the order depends on more than priority, tenant, deadline and rows."""
        return make_work(
            draw.choice((0, 1, 1, 2, 8)),
            now=now,
            width=draw.choice((1, 2)),
            priority=draw.randrange(-1, 12),
            tenant=draw.choice(("", "a", "b", "c")),
            timeout=draw.choice((None, None, 0.5, 2.0, 30.0)),
        )

    def test_all_that_is_in_there_is_offered_once(self) -> None:
        """Whatever came and went before, and in which order."""
        self._live(lambda scheduler, inside, now: _offered(scheduler, now, inside))

    def test_the_length_is_how_much_is_in_there(self) -> None:
        """At every moment."""

        def check(scheduler: Scheduler, inside: Mapping[Work, None], now: float) -> None:
            assert len(scheduler) == len(inside), f"len is {len(scheduler)} with {len(inside)} works in there"

        self._live(check)

    def test_the_order_stands_while_nothing_changes(self) -> None:
        """Asked again at the same moment, it offers the same; a look at the first changes nothing."""

        def check(scheduler: Scheduler, inside: Mapping[Work, None], now: float) -> None:
            before = list(scheduler.offer(now))
            next(iter(scheduler.offer(now)), None)
            after = list(scheduler.offer(now))
            assert before == after, "the order is another when it is asked for again, though nothing came or went"

        self._live(check)

    def test_work_can_leave_from_anywhere(self) -> None:
        """The first, the last and any between; and all that stays is still offered."""
        for leaving in range(8):
            scheduler, draw = self.scheduler(), random.Random(leaving)
            works = [self.work(draw, 0.0) for _ in range(8)]
            for work in works:
                scheduler.add(work, 0.0)
            before = list(scheduler.offer(1.0))
            gone = before[leaving]
            gone.final = State.CANCELLED
            scheduler.remove(gone)
            _offered(scheduler, 1.0, {work: None for work in before if work is not gone})

    def test_work_can_come_back(self) -> None:
        """What was removed is not in there, and can be added again."""
        scheduler = self.scheduler()
        works = {make_work(): None, make_work(): None}
        for turn in range(3):
            for work in works:
                scheduler.add(work, float(turn))
            _offered(scheduler, float(turn), works)
            for work in works:
                scheduler.remove(work)
            assert (len(scheduler), list(scheduler.offer(float(turn)))) == (0, []), "it is not empty again"

    def test_nobody_starves(self) -> None:
        """Work that is favoured least has its turn, though newer work never ends."""
        for name, favour in _FAVOURED.items():
            self._serve_until_served(name, favour)

    def test_nobody_starves_behind_new_tenants(self) -> None:
        """The same, where each newer work is of a tenant that was never there before."""
        self._serve_until_served("each of a new tenant", {})

    def test_a_server_with_it_answers_every_request(self) -> None:
        """In everyday traffic, with cancellations, deadlines and failures; and no clock is read."""
        for traffic in EVERYDAY:
            scheduler = WatchedScheduler(self.scheduler())
            played = Played(traffic, Together(TogetherOptions()), scheduler)
            assert not scheduler.raised, f"{traffic.name}: {scheduler.raised[0]}"
            assert not played.faults, f"{traffic.name}: {played.faults[0]}"
            assert len(scheduler) == 0, f"{traffic.name}: {len(scheduler)} works are left in there at the end"

    def _live(self, check: Callable[[Scheduler, Mapping[Work, None], float], None]) -> None:
        for seed in range(5):
            scheduler, draw, now = self.scheduler(), random.Random(seed), 0.0
            inside: dict[Work, None] = {}
            for _ in range(80):
                now += draw.choice((0.0, 0.0, 0.01, 1.5))
                if draw.random() < 0.6 or not inside:
                    work = self.work(draw, now)
                    scheduler.add(work, now)
                    inside[work] = None
                else:
                    work = draw.choice([*inside, next(iter(scheduler.offer(now)))])
                    work.final = draw.choice((None, State.CANCELLED))
                    scheduler.remove(work)
                    del inside[work]
                check(scheduler, inside, now)

    def _serve_until_served(self, name: str, favour: Mapping[str, Any]) -> None:
        scheduler = self.scheduler()
        old = [make_work(8, priority=1000, tenant="old") for _ in range(5)]
        for work in old:
            scheduler.add(work, 0.0)
        left, newer, late = set(old), list[Work](), 0
        served: set[Work] = set()
        for turn in range(1, _ROUNDS + 1):
            now = turn * self.longest_wait / _ROUNDS
            for _ in range(2):
                work = make_work(now=now, **({"tenant": f"new {len(newer)}"} | dict(favour)))
                scheduler.add(work, now)
                newer.append(work)
            while (due := newer[late].deadline) is not None and due <= now:
                if newer[late] not in served:
                    scheduler.remove(newer[late])
                late += 1
            first = next(iter(scheduler.offer(now)))
            scheduler.remove(first)
            served.add(first)
            left.discard(first)
            if not left:
                return
        raise AssertionError(
            f"{len(left)} of {len(old)} works starve: newer work that is {name} was served {_ROUNDS} times within "
            f"{self.longest_wait:g} s (`longest_wait`)"
        )


def _offered(scheduler: Scheduler, now: float, inside: Mapping[Work, None]) -> None:
    offered = Counter(itertools.islice(scheduler.offer(now), 10 * len(inside) + 10))
    lost = sum(work not in offered for work in inside)
    assert not lost, f"{lost} of {len(inside)} works are in there and not offered"
    strangers = sum(work not in inside for work in offered)
    assert not strangers, f"{strangers} works are offered that are not in there"
    doubled = sum(count > 1 for count in offered.values())
    assert not doubled, f"{doubled} works are offered more than once"
