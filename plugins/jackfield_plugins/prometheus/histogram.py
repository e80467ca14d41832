"""A histogram for one thread: a count per bucket, without the lock that each observation of the library takes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """`bounds` ascending, each inclusive; used on the event loop."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count `value`, so many times."""
        self._counts[bisect_left(self._bounds, value)] += times
        self.total += value * times

    def buckets(self) -> list[tuple[str, float]]:
        """(upper bound, how many are at most that) for each bucket, as the exposition format wants them."""
        rows: list[tuple[str, float]] = []
        count = 0
        for bound, own in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            count += own
            rows.append((bound, float(count)))
        return rows
