"""Batching policy `dynamic`: requests that wait at the same time share a step.

Whatever waits when the device becomes free runs together. Beyond that, an idle device waits only for requests that
are likely to come: clients that have just been answered tend to ask again, so after a step of n rows up to n more are
expected within `max_delay_ms`, in the proportion in which they came after the steps before. With one client nobody
else is expected, and nothing is ever waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pydantic import Field, field_validator

from jackfield import BatchingPolicy, Capacity, Options, PadOptions, Step, Wait, Waiting, Work
from jackfield_plugins.batching.fitting import fitting
from jackfield_plugins.batching.keys import GroupKey
from jackfield_plugins.batching.returning import Returning
from jackfield_plugins.batching.taking import take


class DynamicOptions(Options):
    """Requests that wait at the same time share a step, up to a number of rows."""

    max_batch_size: int = Field(default=32, ge=1)
    """Most rows of a step; requests with more are refused."""
    max_delay_ms: float = Field(default=3.0, ge=0)
    """Longest that a request waits, beside an idle device, for others that are expected; 0: never."""
    preferred_batch_sizes: tuple[int, ...] = ()
    """Numbers of rows that the device is good at: a step starts as soon as the largest of these waits, and one that
    cannot be filled is cut down to one of them while more work waits."""
    group_by: tuple[GroupKey, ...] = ()
    """What requests must agree in to share a step: `tenant`, `priority`, `outputs`, `parameters.NAME`."""
    pad: PadOptions | None = None
    """How requests whose lengths differ share a step; null: they do not."""

    @field_validator("preferred_batch_sizes")
    @classmethod
    def _ascending(cls, sizes: Sequence[int]) -> tuple[int, ...]:
        if any(size < 1 for size in sizes):
            raise ValueError("sizes must be at least 1")
        return tuple(sorted(set(sizes)))


class Dynamic(BatchingPolicy):
    """Rows are counted, not requests; only works of one key share a step."""

    options = DynamicOptions

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        own = cast(DynamicOptions, options)
        self.group_by = own.group_by
        self.pad = own.pad
        self._most = own.max_batch_size
        self._delay = own.max_delay_ms / 1000
        self._preferred = tuple(size for size in own.preferred_batch_sizes if size <= self._most)
        self._returning = Returning(self._delay, self._most)
        self._idle_since = 0.0

    @property
    def max_rows(self) -> int:
        """Most rows of a step."""
        return self._most

    def sizes(self) -> Sequence[int]:
        """Powers of two up to the largest that the executor takes, too, the preferred ones and the largest."""
        most = min(self._most, self.capabilities.max_rows or self._most)
        powers = [1 << n for n in range(most.bit_length()) if 1 << n <= most]
        return sorted({*powers, *(size for size in self._preferred if size < most), most})

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        """The oldest work and others of its key: at once if they fill a step, otherwise when the device is free and
        nobody else is expected."""
        first = next(iter(waiting), None)
        if first is None:  # all that waited was cancelled this very moment
            return Wait()
        most = max(min(self._most, capacity.rows), 1)
        self._returning.look(waiting)
        target = self._target(most)
        chosen: Sequence[Work] = ()
        rows = waiting.rows_of(first.key)
        if self.padding is not None:
            chosen = fitting(waiting, first, target, self.padding)
            rows = sum(work.rows for work in chosen)
        if rows >= target:
            return chosen or take(waiting, first, target)
        if capacity.busy:
            return Wait(None, waiting.rows + target - rows)
        until = min(max(first.arrival, self._idle_since) + self._delay, self._returning.until)
        expected = self._returning.expected(now) if now < until else 0
        if expected > 0:
            return Wait(until, waiting.rows + min(expected, target - rows))
        fewer = self._cut(rows, most)
        if self.padding is not None:
            return chosen if fewer >= rows else fitting(waiting, first, fewer, self.padding)
        return take(waiting, first, fewer)

    def observe(self, step: Step, now: float) -> None:
        """Those that were answered may ask again."""
        self._returning.answered(step.rows, now)
        self._idle_since = now

    def _target(self, most: int) -> int:
        fitting = [size for size in self._preferred if size <= most]
        return fitting[-1] if fitting else most

    def _cut(self, rows: int, most: int) -> int:
        fitting = [size for size in self._preferred if size <= min(rows, most)]
        return fitting[-1] if fitting else most
