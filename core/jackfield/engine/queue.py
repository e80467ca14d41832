"""The queue of a replica: a scheduler's order, with what the policy and the limits need to know kept up."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Hashable, Iterator

import structlog

from jackfield.interfaces import Scheduler
from jackfield.work import Work

log = structlog.get_logger("jackfield.engine")

_SLACK = 64  # how many deadlines of work that has left may lie about


class Queue:
    """Waiting work. Used by one thread at a time (whoever plans). Implements `Waiting` for the policy."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._members: set[Work] = set()
        self._rows_by_key: dict[Hashable, int] = {}
        self._deadlines: list[tuple[float, int, Work]] = []
        self._ticket = itertools.count()
        self._now = 0.0
        self.rows = 0
        self.notice = 0.0
        """Seconds before its deadline at which work expires: what it takes at least to answer it."""

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, work: object) -> bool:
        return work in self._members

    def __iter__(self) -> Iterator[Work]:
        members = self._members  # a scheduler may still offer what has left
        return (work for work in self._scheduler.offer(self._now) if work.final is None and work in members)

    def rows_of(self, key: Hashable) -> int:
        """How many rows of works with this key wait."""
        return self._rows_by_key.get(key, 0)

    def add(self, work: Work, now: float) -> None:
        """Take `work` in. If the scheduler raises, it is not in here."""
        self._scheduler.add(work, now)
        self._members.add(work)
        self.rows += work.rows
        self._rows_by_key[work.key] = self._rows_by_key.get(work.key, 0) + work.rows
        if work.deadline is not None:
            if len(self._deadlines) > _SLACK + 2 * len(self._members):
                self._forget_deadlines()
            heapq.heappush(self._deadlines, (work.deadline, next(self._ticket), work))

    def remove(self, work: Work) -> None:
        """Let go of `work`, if it is in here, whatever the scheduler says to it."""
        if work not in self._members:
            return
        self._forget(work)
        try:
            self._scheduler.remove(work)
        except Exception:
            log.exception("scheduler raised in remove")

    def advance(self, now: float) -> list[Work]:
        """Set the time of the order, and take out and return the work whose deadline has passed."""
        self._now = now
        expired: list[Work] = []
        deadlines = self._deadlines
        notice = self.notice  # taken off the deadline here and in `next_deadline` alike: rounding must not part the two
        while deadlines and (deadlines[0][0] - notice <= now or deadlines[0][2] not in self._members):
            work = heapq.heappop(deadlines)[2]
            if work in self._members:
                self.remove(work)
                if work.final is None:
                    expired.append(work)
        return expired

    def reorder(self, scheduler: Scheduler) -> list[tuple[Work, Exception]]:
        """Let `scheduler`, which is empty, keep the order from now on. Returns the work that it did not take in, with
        what it raised; that is no longer in here.

        It gets all work in the order of arrival, each with the time at which it came, as if it had always been there.
        """
        try:
            order = dict.fromkeys(work for work in self._scheduler.offer(self._now) if work in self._members)
        except Exception:  # it goes anyway
            log.exception("scheduler raised in offer")
            order = {}
        everything = [*order, *(work for work in self._members if work not in order)]
        self._scheduler = scheduler
        refused: list[tuple[Work, Exception]] = []
        for work in sorted(everything, key=_arrival):
            try:
                scheduler.add(work, work.arrival)
            except Exception as error:
                self._forget(work)
                refused.append((work, error))
        return refused

    def rekey(self, assign: Callable[[Work], None]) -> None:
        """Let `assign` give all work in here another key."""
        self._rows_by_key.clear()
        for work in self._members:
            assign(work)
            self._rows_by_key[work.key] = self._rows_by_key.get(work.key, 0) + work.rows

    @property
    def next_deadline(self) -> float | None:
        """When the next work in here expires; None if none does."""
        return self._deadlines[0][0] - self.notice if self._deadlines else None

    def any(self) -> Work:
        """Some work in here, without asking the scheduler."""
        return next(iter(self._members))

    def _forget(self, work: Work) -> None:
        self._members.remove(work)
        self.rows -= work.rows
        left = self._rows_by_key.get(work.key, 0) - work.rows  # works of no rows may have seen their key go
        if left > 0:
            self._rows_by_key[work.key] = left
        else:
            self._rows_by_key.pop(work.key, None)

    def _forget_deadlines(self) -> None:
        """Those of work that has left: behind an early deadline that waits they would pile up."""
        self._deadlines = [entry for entry in self._deadlines if entry[2] in self._members]
        heapq.heapify(self._deadlines)


def _arrival(work: Work) -> float:
    return work.arrival
