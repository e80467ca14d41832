"""The contract of policies of work of many steps, kept by the plainest one and broken in each way."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from jackfield.interfaces import BatchingPolicy, Capacity, Waiting
from jackfield.options import Options
from jackfield.testing import ContinuingPolicyContract, Stepwise
from jackfield.work import Wait, Work
from tests.core.testing.breaking import assert_breaks


class TestStepwise(ContinuingPolicyContract):
    most_preempted = 80

    def policy(self) -> BatchingPolicy:
        return Stepwise(Options())


class Forgetful(Stepwise):
    """One that plans only what waits."""

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        return super().plan(waiting, (), capacity, now)


class Careless(Stepwise):
    """One that reserves nothing."""

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        return [*running, *waiting][: capacity.rows] or Wait()


class Jealous(Stepwise):
    """One that lets the oldest alone run."""

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        first = list(running)[-1:]
        plan = super().plan(waiting, first, capacity, now)
        return plan if not running or isinstance(plan, Wait) else [*first, *[w for w in plan if w not in first]]


class Selfish(Stepwise):
    """One that takes the youngest first."""

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        for work in reversed(list(waiting)):
            if not capacity.busy and work.extra.reserve(work.extra.pending):
                return [work]
        return super().plan(waiting, running, capacity, now)


class Restless(Stepwise):
    """One that reads a clock."""

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        return super().plan(waiting, running, capacity, time.monotonic())


class Quiet(Stepwise):
    """One that does not say what it does."""

    continues = False


class Wasteful(Stepwise):
    """One that preempts all again and again."""

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        if len(running) > 1 and int(now * 1000) % 2 == 0:
            for work in running:
                work.extra.preempt()
        return super().plan(waiting, running, capacity, now)


class Doubling(Stepwise):
    """One that does not look whether the device is busy."""

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        return super().plan(waiting, running, Capacity(capacity.rows, blocks=capacity.blocks), now)


@pytest.mark.parametrize(
    ("policy", "test", "says"),
    [
        (Quiet, "it_says_that_it_continues_work", "`continues` is False"),
        (Forgetful, "every_request_is_answered_whole_and_rightly", "left without an answer"),
        (Careless, "nothing_runs_without_blocks_and_all_come_back", "left without an answer"),
        (Wasteful, "nobody_is_preempted_for_ever", "times, and 5 are the most"),
        (Selfish, "work_begins_in_the_order_of_the_scheduler", "a work began before one like it"),
        (Selfish, "what_decodes_is_not_kept_waiting_by_what_comes", "left out of a step"),
        (Restless, "no_clock_is_read_and_nothing_raised", "time.monotonic was called"),
        (Doubling, "nothing_is_planned_beside_a_busy_device_twice", "work failed where two lanes planned"),
    ],
)
def test_what_breaks_it_is_found(policy: type[Stepwise], test: str, says: str) -> None:
    class Broken(ContinuingPolicyContract):
        most_preempted = 5

        def policy(self) -> BatchingPolicy:
            return policy(Options())

    assert_breaks(Broken, test, says)
