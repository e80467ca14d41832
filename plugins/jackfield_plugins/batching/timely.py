"""How many of the rows that would share a step are answered in time."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from jackfield import Work

_MARGIN = 1.1  # a step may take so much longer than is known, and its answers must be sent


class Timely:
    """The works of one key that wait, in their order, as far as they can share a step of `most` rows, and the seconds
    that each has left from now on. `ahead`: seconds until the device is free. A work is due at its deadline, and
    `target` seconds after it came; None: only at its deadline."""

    def __init__(
        self, waiting: Iterable[Work], first: Work, most: int, now: float, ahead: float, target: float | None
    ) -> None:
        self._left: list[tuple[int, float]] = []
        self._always = target is None
        rows = 0
        for work in waiting:
            if work.key == first.key:
                due = inf if target is None else work.arrival + target
                if work.deadline is not None:
                    due = min(due, work.deadline)
                    self._always = False
                self._left.append((work.rows, due - now - ahead))
                rows += work.rows
                if rows >= most:
                    break

    def rows(self, size: int, seconds: float) -> int:
        """Rows in time of a step of `size` rows that takes `seconds`. Those that do not wait yet are taken to be."""
        if self._always:
            return size
        taken = late = 0
        for rows, left in self._left:
            if taken + rows > size:
                break
            taken += rows
            if left < seconds * _MARGIN:
                late += rows
        return size - late
