"""Saying no in time: what is checked before work enters a queue. Nothing here costs more than some comparisons."""

from __future__ import annotations

import math

from jackfield.errors import InvalidRequest, Overloaded
from jackfield.work import Work

_SHORTEST, _LONGEST = 1.0, 60.0  # bounds of Retry-After, in seconds
_NEWEST = 0.2  # weight of the newest step in the average


class Admission:
    """The limits of one replica's queue, and how long its work takes. Used on the event loop only.

    `max_queue`: most works that wait. `max_bytes`: most bytes of inputs accepted and not yet answered.
    """

    def __init__(self, max_queue: int, max_bytes: int, max_rows: int) -> None:
        self.max_queue = max_queue
        self.max_bytes = max_bytes
        self.max_rows = max_rows
        self._row_time = 0.0

    def check(self, work: Work, waiting: int, waiting_rows: int, held_bytes: int) -> None:
        """Raise InvalidRequest or Overloaded if `work` cannot be taken in beside what is there."""
        if work.rows > self.max_rows:
            raise InvalidRequest(
                f"inference request batch-size must be <= {self.max_rows} for '{work.request.model}', got {work.rows}"
            )
        if waiting >= self.max_queue:
            raise Overloaded(
                f"Exceeds maximum queue size: {waiting} requests wait for model '{work.request.model}', at most "
                f"{self.max_queue} may",
                self.retry_after(waiting_rows),
            )
        if held_bytes + work.bytes > self.max_bytes and held_bytes:
            raise Overloaded(
                f"Exceeds maximum queue size: {held_bytes} bytes of inputs are held for model '{work.request.model}', "
                f"at most {self.max_bytes} may be",
                self.retry_after(waiting_rows),
            )

    def learn(self, rows: int, seconds: float) -> None:
        """A step of `rows` took `seconds`."""
        if rows:
            each = seconds / rows
            self._row_time = each if not self._row_time else self._row_time + _NEWEST * (each - self._row_time)

    def retry_after(self, rows: int) -> float:
        """Whole seconds until `rows` rows will have been worked off, as far as is known."""
        return min(max(float(math.ceil(rows * self._row_time)), _SHORTEST), _LONGEST)
