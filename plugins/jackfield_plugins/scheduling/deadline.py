"""Scheduler `deadline`: the work that must be answered first runs first (earliest deadline first).

Optimal among all orders as long as every deadline can be met. What can no longer be met is expired by the engine before
it costs anything, so that it does not drag the rest with it.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from typing import cast

from pydantic import Field

from jackfield import Line, Options, Scheduler, Work
from jackfield_plugins.scheduling.lines import Ranked

_GRAIN = 0.02  # seconds within which admission does not tell moments apart


class DeadlineOptions(Options):
    """Requests without a deadline take part as if they had one."""

    assumed_s: float = Field(default=60.0, gt=0)
    """Seconds from arrival after which a request without a deadline is due, so that it does not wait for ever."""


class Deadline(Scheduler):
    """A sorted list; work that leaves is found by its place in the order."""

    options = DeadlineOptions
    foresees = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._assumed = cast(DeadlineOptions, options).assumed_s
        self._number = 0
        self._order: list[tuple[float, int, Work]] = []
        self._places: dict[Work, tuple[float, int, Work]] = {}

    def add(self, work: Work, now: float) -> None:
        """Take `work` in, before all that are due later."""
        due = self._due(work, now)
        self._number += 1
        place = (due, self._number, work)
        self._places[work] = place
        insort(self._order, place, key=_by_due)

    def remove(self, work: Work) -> None:
        """Let go of `work`."""
        place = self._places.pop(work)
        if self._order[0] is place:  # the usual case: what is due first runs first
            del self._order[0]
        else:
            self._order.remove(place)

    def offer(self, now: float) -> Iterator[Work]:
        """All work, what is due first first."""
        return (place[2] for place in self._order)

    def __len__(self) -> int:
        return len(self._order)

    def line(self) -> Line:
        """What is due before it, or at nearly the same moment, is ahead."""
        return Ranked(lambda work: int(self._due(work, work.arrival) / _GRAIN))

    def _due(self, work: Work, now: float) -> float:
        return now + self._assumed if work.deadline is None else work.deadline


def _by_due(place: tuple[float, int, Work]) -> tuple[float, int]:
    return place[:2]
