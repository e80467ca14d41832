"""How many of the clients that were just answered are likely to ask again in a moment."""

from __future__ import annotations

from collections import deque
from math import inf

from jackfield import Waiting

_FORGET = 0.97  # what an observation weighs after each newer row
_DEEP = 4  # a queue of more than so many full steps is deep


class Returning:
    """Rows that were answered make up a pool for `window` seconds; rows that arrive meanwhile are taken out of it. The
    share that came back so far, with older observations weighing less, tells how many of the pool to expect.

    Whether work came back is told by its arrival, not by when it is seen: what arrived while its clients' step was
    still running did not, and what arrived during the next step did. `most`: rows of a full step.
    """

    def __init__(self, window: float, most: int) -> None:
        self._window = window
        self._deep = _DEEP * most
        self._answered: list[tuple[float, int, int]] = []
        self._latest = -inf
        self._pools: deque[tuple[float, int]] = deque()
        self._came = 1.0
        self._stayed_away = 0.0

    def answered(self, rows: int, at: float) -> None:
        """A step of `rows` has ended."""
        if self._window and rows:
            self._answered.append((at, 1, rows))

    def look(self, waiting: Waiting) -> None:
        """See who has come back, before asking how many more will."""
        if not self._answered and not self._pools:
            return
        events, self._answered = self._answered, []
        if len(waiting) > self._deep:  # nobody will be waited for, and looking at all would take long
            self._pools.clear()
            return
        events += [(work.arrival, 0, work.rows) for work in waiting if work.arrival > self._latest]
        for at, answered, rows in sorted(events):
            self._close(at)
            if answered:
                self._pools.append((at + self._window, rows))
            else:
                self._arrived(rows)
                self._latest = at

    def expected(self, now: float) -> int:
        """How many rows are likely to arrive before `until`."""
        self._close(now)
        pool = sum(rows for _, rows in self._pools)
        return int(pool * self._came / (self._came + self._stayed_away) + 0.5) if pool else 0

    @property
    def until(self) -> float:
        """When nobody is expected any more."""
        return self._pools[-1][0] if self._pools else 0.0

    def _arrived(self, rows: int) -> None:
        while rows and self._pools:
            until, pool = self._pools.popleft()
            came = min(rows, pool)
            rows -= came
            self._count(came, 0)
            if came < pool:
                self._pools.appendleft((until, pool - came))

    def _close(self, now: float) -> None:
        """What is left of pools whose time is over will not come."""
        while self._pools and self._pools[0][0] < now:
            self._count(0, self._pools.popleft()[1])

    def _count(self, came: int, stayed_away: int) -> None:
        weight = _FORGET ** (came + stayed_away)
        self._came = self._came * weight + came
        self._stayed_away = self._stayed_away * weight + stayed_away
