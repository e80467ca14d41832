"""How many of the clients that were just answered are likely to ask again in a moment."""

from __future__ import annotations

_FORGET = 0.9  # what an older observation weighs after each newer one


class Returning:
    """Rows that were answered make up a pool; rows that arrive within `window` seconds of an answer are taken out of
    it. The share that came back before, with older observations weighing less, tells how many of the pool to expect.
    """

    def __init__(self, window: float) -> None:
        self.until = 0.0
        self._window = window
        self._pool = 0
        self._waiting = 0
        self._came = 1.0
        self._stayed_away = 0.0

    def seen(self, waiting: int, now: float) -> None:
        """`waiting` rows wait now: those beyond what was there before have arrived."""
        arrived = waiting - self._waiting
        self._waiting = waiting
        if now > self.until:
            self.missed(now)
        elif arrived > 0 and self._pool:
            came = min(arrived, self._pool)
            self._pool -= came
            self._count(came, 0)

    def taken(self, rows: int) -> None:
        """`rows` of those that waited were put into a step."""
        self._waiting -= rows

    def answered(self, rows: int, now: float) -> None:
        """A step of `rows` has ended."""
        if now > self.until:
            self.missed(now)
        self._pool += rows
        self.until = now + self._window

    def expected(self, now: float) -> int:
        """How many rows are likely to arrive before `until`."""
        if now > self.until or not self._pool:
            return 0
        return int(self._pool * self._came / (self._came + self._stayed_away) + 0.5)

    def missed(self, now: float) -> None:
        """What is left of the pool will not come."""
        if self._pool:
            self._count(0, self._pool)
            self._pool = 0

    def _count(self, came: int, stayed_away: int) -> None:
        self._came = self._came * _FORGET + came
        self._stayed_away = self._stayed_away * _FORGET + stayed_away
