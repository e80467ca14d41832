"""Scheduler `priority`: urgent work first, and nothing starves.

A level counts like arriving earlier: work of level p stands where work of level 1 would that arrived (p - 1) times
`ageing_s` later. That order never changes while work waits, so it needs no upkeep, and nobody waits longer than
(levels - 1) times `ageing_s` behind work that came after it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import cast

from pydantic import Field, model_validator

from jackfield import Line, Options, Scheduler, Work
from jackfield_plugins.scheduling.lines import Ranked


class PriorityOptions(Options):
    """Priorities of requests: 1 is the highest, 0 and less mean the default level, and what is beyond `levels` the
    lowest."""

    levels: int = Field(default=8, ge=1, le=1000)
    """How many levels there are."""
    default_level: int = Field(default=4, ge=1)
    """The level of requests that state none."""
    ageing_s: float = Field(default=1.0, gt=0)
    """Seconds of waiting that outweigh one level."""

    @model_validator(mode="after")
    def _within(self) -> PriorityOptions:
        if self.default_level > self.levels:
            raise ValueError(f"default_level must be at most levels ({self.levels}), got {self.default_level}")
        return self


class Priority(Scheduler):
    """One first-come-first-served queue a level, merged by when its works' turns come."""

    options = PriorityOptions

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        own = cast(PriorityOptions, options)
        self._default = own.default_level
        self._ageing = own.ageing_s
        self._levels: list[dict[Work, float]] = [{} for _ in range(own.levels)]

    def add(self, work: Work, now: float) -> None:
        """Take `work` in, at the end of its level."""
        level = self._level(work)
        self._levels[level][work] = now + level * self._ageing

    def remove(self, work: Work) -> None:
        """Let go of `work`."""
        del self._levels[self._level(work)][work]

    def offer(self, now: float) -> Iterator[Work]:
        """All work, by when its turn comes; the higher level first where that is equal."""
        queues = [(level, queue) for level, queue in enumerate(self._levels) if queue]
        if len(queues) == 1:
            yield from queues[0][1]
            return
        merged = heapq.merge(
            *(((turn, level, work) for work, turn in queue.items()) for level, queue in queues), key=_turn
        )
        for _, _, work in merged:
            yield work

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._levels)

    def line(self) -> Line:
        """What is of the same level or a higher one is ahead."""
        return Ranked(self._level)

    def _level(self, work: Work) -> int:
        priority = work.request.priority
        return min(priority if priority > 0 else self._default, len(self._levels)) - 1


def _turn(item: tuple[float, int, Work]) -> tuple[float, int]:
    return item[:2]
