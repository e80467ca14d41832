"""How long a step of each number of rows takes: learned as steps run, and forgotten as they age."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Pace:
    """Seconds by rows, for `sizes` (ascending). A measured size keeps an average in which the newest step weighs
    `newest`; sizes between measured ones are interpolated, sizes beyond them continued in proportion."""

    def __init__(self, sizes: Sequence[int], newest: float) -> None:
        self.sizes = tuple(sizes)
        self._newest = newest
        self._seconds: dict[int, float] = {}
        self._seen: dict[int, int] = {}
        self._steps = 0

    def learn(self, rows: int, seconds: float) -> None:
        """A step of `rows` took `seconds`. One without rows, or that took no time, says nothing of others."""
        if rows < 1 or seconds <= 0:
            return
        self._steps += 1
        known = self._seconds.get(rows)
        if known is None:
            self._seconds[rows] = seconds
        else:
            # one slow step is more often a disturbance than news: it counts, but not for more than twice what is known
            self._seconds[rows] = known + self._newest * (min(seconds, 2 * known) - known)
        self._seen[rows] = self._steps

    def seconds(self, rows: int) -> float | None:
        """How long a step of `rows` is likely to take; None if nothing is known at all."""
        known = self._seconds.get(rows)
        if known is not None or not self._seconds:
            return known
        measured = sorted(self._seconds)
        at = bisect_left(measured, rows)
        if at == 0:
            return self._seconds[measured[0]]
        below = measured[at - 1]
        if at == len(measured):
            return self._seconds[below] * rows / below
        above = measured[at]
        share = (rows - below) / (above - below)
        return self._seconds[below] + share * (self._seconds[above] - self._seconds[below])

    def age(self, rows: int) -> int | None:
        """How many steps ago a step of `rows` was measured; None: never."""
        seen = self._seen.get(rows)
        return None if seen is None else self._steps - seen

    def known(self) -> dict[int, float]:
        """What was measured, by rows."""
        return dict(sorted(self._seconds.copy().items()))  # a copy first: it may grow while it is sorted
