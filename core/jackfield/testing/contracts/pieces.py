"""Batching policies that put work of many steps through what no answer may depend on: pieces and preemption."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.interfaces import BatchingPolicy, Capacity, Progress, Waiting
from jackfield.options import Options
from jackfield.work import Wait, Work

_TIMES = 4  # so that a long prompt in small pieces comes to its end


class Pieces(BatchingPolicy):
    """All work takes part in every step as far as there are blocks, what is not decoding with `most` tokens at most.

    Every `preempting` steps another of those that run is preempted, each four times at most, and takes part again from
    the next step on; 0: none is. `misreserved`: where `need` and `reserve` said different things.
    """

    continues = True

    def __init__(self, most: int, preempting: int = 0) -> None:
        super().__init__(Options())
        self.preemptions = 0
        self.misreserved: list[str] = []
        self._most, self._preempting = most, preempting
        self._steps = 0
        self._times: dict[Work, int] = {}

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        """The next step."""
        if capacity.busy:
            return Wait()
        self._steps += 1
        resting = self._preempted(running)
        free = capacity.blocks if capacity.blocks is not None else 2**31
        chosen: list[Work] = []
        width = 0
        for work in [*running, *waiting]:
            if work is resting or work.final is not None:
                continue
            progress: Progress = work.extra
            width += progress.width
            if width > capacity.rows:
                break
            everything = progress.need()  # brings `pending` up to date
            tokens = progress.pending if progress.decoding else min(progress.pending, self._most)
            need = progress.need(tokens)
            if everything < need:
                self.misreserved.append(f"{everything} blocks are all that it needs, and {need} for a part of it")
            if need > free:
                break
            if not progress.reserve(tokens):
                self.misreserved.append(f"`reserve` had not the {need} blocks that `need` told, of {free}")
                break
            free -= need
            chosen.append(work)
        return chosen or Wait(until=now if resting is not None else None)

    def _preempted(self, running: Sequence[Work]) -> Work | None:
        left = [work for work in running if work.final is None and self._times.get(work, 0) < _TIMES]
        if not self._preempting or self._steps % self._preempting or not left:
            return None
        work = left[self._steps // self._preempting % len(left)]
        work.extra.preempt()
        self._times[work] = self._times.get(work, 0) + 1
        self.preemptions += 1
        return work
