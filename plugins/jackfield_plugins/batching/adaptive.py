"""Batching policy `adaptive`: learns what the device is good at, and takes the most work a second that keeps a target.

It learns how long a step of each size takes, and how soon clients that were answered come back. When work waits and the
device is free, it takes the size with the most rows a second that are in time, for their deadlines and for the target;
now and then it tries a neighbour of the best size that it has not measured lately, so that it follows a model or a
machine that changes. An idle device waits for clients that are likely to come back only if the fuller step, the wait
included, gives more rows a second than going now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import Field

from jackfield import BatchingPolicy, Capacity, Options, Step, Wait, Waiting, Work
from jackfield_plugins.batching.keys import GroupKey
from jackfield_plugins.batching.pace import Pace
from jackfield_plugins.batching.returning import Returning
from jackfield_plugins.batching.taking import take
from jackfield_plugins.batching.timely import Timely


class AdaptiveOptions(Options):
    """Size and moment of each step are found by measuring."""

    max_batch_size: int = Field(default=32, ge=1)
    """Most rows of a step; requests with more are refused."""
    target_p99_ms: float | None = Field(default=None, gt=0)
    """Latency that nearly all requests should keep: of each step as many rows a second as possible keep it, and their
    own deadlines. Null: deadlines alone count."""
    max_delay_ms: float = Field(default=5.0, ge=0)
    """Longest that a request waits, beside an idle device, for others that are expected."""
    explore_every: int = Field(default=24, ge=2)
    """One step in so many tries a size that was not measured lately, if enough work waits for it."""
    newest: float = Field(default=0.2, gt=0, le=1)
    """How much the newest step of a size weighs against what was known: larger follows change faster."""
    group_by: tuple[GroupKey, ...] = ()
    """What requests must agree in to share a step: `tenant`, `priority`, `outputs`, `parameters.NAME`."""


class Adaptive(BatchingPolicy):
    """`sizes` to choose from are powers of two and the steps half-way between them."""

    options = AdaptiveOptions

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        own = cast(AdaptiveOptions, options)
        self.group_by = own.group_by
        self._own = own
        self._delay = own.max_delay_ms / 1000
        self._target = None if own.target_p99_ms is None else own.target_p99_ms / 1000
        self._pace = Pace(_candidates(own.max_batch_size), own.newest)
        self._returning = Returning(self._delay, own.max_batch_size)
        self._idle_since = 0.0
        self._until_trial = own.explore_every
        self._trial: int | None = None

    @property
    def max_rows(self) -> int:
        """Most rows of a step."""
        return self._own.max_batch_size

    def sizes(self) -> Sequence[int]:
        """Every size that it chooses from, up to what the executor takes."""
        most = self.capabilities.max_rows or self._own.max_batch_size
        return sorted({min(size, most) for size in self._pace.sizes})

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        """The best size that can be filled; or a short wait for a fuller one, where that pays."""
        first = next(iter(waiting), None)
        if first is None:  # all that waited was cancelled this very moment
            return Wait()
        most = max(min(self._own.max_batch_size, capacity.rows), 1)
        rows = waiting.rows_of(first.key)
        self._returning.look(waiting)
        ahead = (self._pace.seconds(sum(work.rows for work in running)) or 0.0) if capacity.busy else 0.0
        timely = Timely(waiting, first, most, now, ahead, self._target)
        best = self._fastest([n for n in self._pace.sizes if n <= most] or [most], timely)
        goal = min(self._tried(timely) or best, most)
        if rows >= goal:
            return self._started(take(waiting, first, goal), most, best)
        if capacity.busy:
            return Wait(None, waiting.rows + goal - rows)
        until = min(max(first.arrival, self._idle_since) + self._delay, self._returning.until)
        coming = self._returning.expected(now) if now < until else 0
        if coming > 0 and self._pays(rows, min(rows + coming, goal), until - now):
            return Wait(until, waiting.rows + min(coming, goal - rows))
        size = self._fastest([*(n for n in self._pace.sizes if n < rows), rows], timely)
        return self._started(take(waiting, first, size), most, best)

    def observe(self, step: Step, now: float) -> None:
        """Learn how long the step took, and that its clients may come back."""
        report = step.work[0].report
        if report is not None and not report.failed and report.rows == step.rows:
            self._pace.learn(step.rows, report.prepare + report.execute + report.finish)
        self._returning.answered(step.rows, now)
        self._idle_since = now

    def state(self) -> Mapping[str, float]:
        """Seconds of a step by its rows, and the size that does the most rows a second, as known now."""
        known = self._pace.known()
        learned = {f"step_seconds_{rows}": seconds for rows, seconds in known.items() if rows in self._pace.sizes}
        if known:
            learned["best_rows"] = float(max(known, key=lambda rows: rows / max(known[rows], 1e-9)))
        return learned

    def _fastest(self, sizes: Sequence[int], timely: Timely) -> int:
        """The size with the most rows in time a second; where nothing can be in time, with the most rows."""
        best, best_rate = sizes[-1], (-1.0, -1.0)
        for size in reversed(sizes):
            seconds = self._pace.seconds(size)
            if seconds is None:
                return best  # nothing is known yet: the largest is as good as any
            seconds = max(seconds, 1e-9)
            rate = (timely.rows(size, seconds) / seconds, size / seconds)
            if rate > best_rate:
                best, best_rate = size, rate
        return best

    def _tried(self, timely: Timely) -> int | None:
        """The size that is to be tried, unless that would make somebody late."""
        trial = self._trial
        seconds = None if trial is None else self._pace.seconds(trial)
        return None if trial is None or seconds is None or timely.rows(trial, seconds) < trial else trial

    def _pays(self, rows: int, fuller: int, wait: float) -> bool:
        now, later = self._pace.seconds(rows), self._pace.seconds(fuller)
        if now is None or later is None:
            return True
        return fuller / (later + wait) > rows / now

    def _started(self, step: Sequence[Work], most: int, best: int) -> Sequence[Work]:
        """`step`; and now and then, from here on, another size is to be tried that was not measured lately. It is given
        up again if the work at hand does not make it up for a while."""
        self._until_trial -= 1
        if self._trial is not None and (self._until_trial <= 0 or sum(work.rows for work in step) == self._trial):
            self._trial = None
            self._until_trial = self._own.explore_every
        elif self._until_trial <= 0:
            self._trial = self._stale(most, best)
            self._until_trial = max(self._own.explore_every // 4, 1)
        return step

    def _stale(self, most: int, best: int) -> int | None:
        """Of the sizes beside the best, and those never tried, the one whose measurement is oldest."""
        sizes = [n for n in self._pace.sizes if n <= most and n != best]
        beside = _beside(sizes, best)
        choice = [n for n in sizes if n in beside or self._pace.age(n) is None]
        never = 1 << 62
        return max(choice, key=lambda n: never if (age := self._pace.age(n)) is None else age, default=None)


def _candidates(most: int) -> tuple[int, ...]:
    sizes = {most}
    size = 1
    while size <= most:
        sizes.add(size)
        if size >= 2 and size + size // 2 <= most:
            sizes.add(size + size // 2)
        size *= 2
    return tuple(sorted(sizes))


def _beside(sizes: Sequence[int], size: int) -> set[int]:
    below = [n for n in sizes if n < size]
    above = [n for n in sizes if n > size]
    return {*below[-2:], *above[:2]}
