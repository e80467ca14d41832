"""The plainest scheduler and policies, so that tests of the engine need no plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jackfield.interfaces import BatchingPolicy, Capacity, Scheduler, Waiting
from jackfield.options import Options
from jackfield.work import Wait, Work

Plan = Callable[[Waiting, Sequence[Work], Capacity, float], Any]


class InOrder(Scheduler):
    """First come, first served."""

    def __init__(self) -> None:
        super().__init__(Options())
        self.waiting: list[Work] = []

    def add(self, work: Work, now: float) -> None:
        self.waiting.append(work)

    def remove(self, work: Work) -> None:
        self.waiting.remove(work)

    def offer(self, now: float) -> Iterator[Work]:
        return iter(self.waiting)

    def __len__(self) -> int:
        return len(self.waiting)


class Planned(BatchingPolicy):
    """Plans with a function."""

    def __init__(self, plan: Plan, max_rows: int = 64) -> None:
        super().__init__(Options())
        self._plan = plan
        self._max_rows = max_rows
        self.asked = 0

    @property
    def max_rows(self) -> int:
        return self._max_rows

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        self.asked += 1
        plan: Sequence[Work] | Wait = self._plan(waiting, running, capacity, now)
        return plan


def everything() -> Planned:
    """All that waits, of the first key, up to the capacity, even ahead of time."""

    def plan(waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        chosen: list[Work] = []
        rows = 0
        for work in waiting:
            if not chosen or (work.key == chosen[0].key and rows + work.rows <= capacity.rows):
                chosen.append(work)
                rows += work.rows
        return chosen or Wait()

    return Planned(plan)


def when_free() -> Planned:
    """As `everything`, but only once the device is free."""
    plan = everything()._plan
    return Planned(
        lambda waiting, running, capacity, now: Wait() if capacity.busy else plan(waiting, running, capacity, now)
    )
