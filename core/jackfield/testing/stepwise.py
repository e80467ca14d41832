"""The plainest batching policy of work of many steps."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.interfaces import BatchingPolicy, Capacity, Progress, Waiting
from jackfield.work import Wait, Work


class Stepwise(BatchingPolicy):
    """Each work computes all that is pending of it at once. The oldest go first; for want of blocks the youngest that
    has any is preempted, and nobody begins before all that have begun could go on."""

    continues = True

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        """Whatever fits, the running first."""
        if capacity.busy:
            return Wait()
        chosen: list[Work] = []
        left = list(running)[: capacity.rows]
        while left:
            work = left.pop(0)
            if work.final is not None:
                continue
            progress: Progress = work.extra
            while not progress.reserve(progress.pending) and left:
                other: Progress = left.pop().extra
                other.preempt()
            if progress.need(progress.pending) == 0:
                chosen.append(work)
            else:
                progress.preempt()
        if len(chosen) == len(running):
            for work in waiting:
                if len(chosen) == capacity.rows or not work.extra.reserve(work.extra.pending):
                    break
                chosen.append(work)
        return chosen or Wait()
