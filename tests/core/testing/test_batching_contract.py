"""The contract of batching policies catches what a policy can get wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from jackfield.interfaces import BatchingPolicy, Capacity, Waiting
from jackfield.options import Options
from jackfield.testing import BatchingPolicyContract
from jackfield.work import Step, Wait, Work
from tests.core.testing.breaking import assert_breaks, broken, failure_of


class Good(BatchingPolicy):
    """Waits 5 ms for 4 rows, and takes what fits."""

    limit = 4

    def __init__(self) -> None:
        super().__init__(Options())

    @property
    def max_rows(self) -> int:
        return self.limit

    def sizes(self) -> Sequence[int]:
        return (1, 4)

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        works = self.order(list(waiting))
        due = works[0].arrival + 0.005
        if waiting.rows_of(works[0].key) < self.max_rows and now < due:
            return Wait(until=due)
        return self.take(works, min(self.max_rows, capacity.rows))

    def order(self, works: list[Work]) -> list[Work]:
        return works

    def take(self, works: list[Work], most: int) -> list[Work]:
        chosen: list[Work] = []
        rows = 0
        for work in works:
            if not chosen or (work.key == works[0].key and rows + work.rows <= most):
                chosen.append(work)
                rows += work.rows
        return chosen


class Loses(Good):
    """Never takes requests of three rows."""

    def order(self, works: list[Work]) -> list[Work]:
        return [work for work in works if work.rows != 3] or works[:0]

    def plan(self, waiting: Waiting, *more: Any) -> Sequence[Work] | Wait:
        return super().plan(waiting, *more) if self.order(list(waiting)) else Wait()


class TooMany(Good):
    """Forgets what the device takes."""

    def take(self, works: list[Work], most: int) -> list[Work]:
        return super().take(works, self.max_rows + 1)


class MoreThanFits(Good):
    """Takes one row more than the device, within its own limit."""

    limit = 8

    def take(self, works: list[Work], most: int) -> list[Work]:
        return super().take(works, most + 1 if most < self.max_rows else most)


class Mixes(Good):
    """Takes any key."""

    def take(self, works: list[Work], most: int) -> list[Work]:
        chosen = works[:1]
        for work in works[1:]:
            if sum(one.rows for one in chosen) + work.rows <= most:
                chosen.append(work)
        return chosen


class Twice(Good):
    """Takes the first work twice."""

    def take(self, works: list[Work], most: int) -> list[Work]:
        return [works[0], *super().take(works, most)]


class Nothing(Good):
    """Plans steps without work."""

    def take(self, works: list[Work], most: int) -> list[Work]:
        return []


class Remembers(Good):
    """Plans what it saw the last time."""

    seen: list[Work] = []

    def take(self, works: list[Work], most: int) -> list[Work]:
        last, self.seen = self.seen, super().take(works, most)
        return last or self.seen


class Sleeps(Good):
    """Waits for a full step, for good."""

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        works = list(waiting)
        missing = self.max_rows - waiting.rows_of(works[0].key)
        return Wait(rows=waiting.rows + missing) if missing > 0 else self.take(works, min(4, capacity.rows))


class PutsOff(Good):
    """Always has a moment to name, and never a step for a lonely request."""

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        return Wait(until=now + 0.05) if len(waiting) < 2 else self.take(list(waiting), min(4, capacity.rows))


class NewestFirst(Good):
    """Turns the order round."""

    def order(self, works: list[Work]) -> list[Work]:
        return works[::-1]


class ByArrival(Good):
    """Knows better than the scheduler."""

    def order(self, works: list[Work]) -> list[Work]:
        return sorted(works, key=lambda work: work.arrival)


class FullestKey(Good):
    """Serves whatever key has the most rows."""

    def order(self, works: list[Work]) -> list[Work]:
        rows: dict[Any, int] = {}
        for work in works:
            rows[work.key] = rows.get(work.key, 0) + 1
        best = max(rows, key=lambda key: rows[key])
        return [work for work in works if work.key == best]


class Meddles(Good):
    """Gives the work that it looks at another deadline."""

    def order(self, works: list[Work]) -> list[Work]:
        works[0].deadline = 1e9
        return works


class ReachesIn(Good):
    """Takes work out of the queue by itself."""

    def take(self, works: list[Work], most: int) -> list[Work]:
        return works[:1]

    def plan(self, waiting: Any, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        first = next(iter(waiting))
        waiting.remove(first)
        return [first]


class ReadsTheClock(Good):
    """Asks the operating system."""

    def order(self, works: list[Work]) -> list[Work]:
        assert time.monotonic() >= 0
        return works


class Chokes(Good):
    """Divides by what may be zero."""

    def observe(self, step: Step, now: float) -> None:
        assert 1 / step.rows  # a step may have no rows


class NoSizes(Good):
    """Would be warmed up with more than it plans."""

    def sizes(self) -> Sequence[int]:
        return (8, 1)


class Proud(Good):
    """Shows how much it has shown."""

    looks = 0

    def state(self) -> Mapping[str, float]:
        self.looks += 1
        return {"looks": self.looks}


class BySize(Good):
    """Names what it has learned by numbers."""

    def state(self) -> Any:
        return {1: 0.5}


class OneTooMany(Good):
    """Promises more rows than it can bring itself to run."""

    limit = 4

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        return Wait() if next(iter(waiting)).rows == 4 else super().plan(waiting, running, capacity, now)


class Stubborn(Good):
    """Waits for what is too large to become smaller."""

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        if any(work.rows > self.max_rows for work in waiting):
            return Wait(now + 0.5)
        return super().plan(waiting, running, capacity, now)


def contract(make: Callable[[], BatchingPolicy]) -> type[BatchingPolicyContract]:
    class Contract(BatchingPolicyContract):
        def policy(self) -> BatchingPolicy:
            return make()

    return Contract


def test_a_good_policy_keeps_to_it() -> None:
    assert broken(contract(Good)) == {}


@pytest.mark.parametrize(
    ("policy", "test", "says"),
    [
        (Loses, "every_request_is_answered_once_and_rightly", "a work of 3 rows was answered with"),
        (TooMany, "a_step_is_work_that_waits_and_fits_together", "a step of 5 rows was planned"),
        (MoreThanFits, "a_step_is_work_that_waits_and_fits_together", "5 rows was planned, and the capacity is 4"),
        (Mixes, "a_step_is_work_that_waits_and_fits_together", "different keys"),
        (Twice, "a_step_is_work_that_waits_and_fits_together", "one work stands twice"),
        (Nothing, "a_step_is_work_that_waits_and_fits_together", "a step without work"),
        (Remembers, "a_step_is_work_that_waits_and_fits_together", "work was planned that does not wait"),
        (Sleeps, "work_does_not_wait_for_long_beside_an_idle_device", "plan gives no time: Wait(until=None"),
        (PutsOff, "work_does_not_wait_for_long_beside_an_idle_device", "1 s are the most (`longest_wait`)"),
        (NewestFirst, "the_order_is_the_schedulers", "was taken before one like it that was offered first"),
        (ByArrival, "the_order_is_the_schedulers", "was taken before one like it that was offered first"),
        (FullestKey, "nobody_is_passed_over_for_ever", "went by the work that was offered first"),
        (Meddles, "plan_only_reads", "plan changed the work"),
        (ReachesIn, "nothing_is_raised_and_no_clock_is_read", "has no attribute 'remove'"),
        (ReadsTheClock, "nothing_is_raised_and_no_clock_is_read", "time.monotonic was called"),
        (Chokes, "any_step_can_be_observed", "observe raised ZeroDivisionError"),
        (NoSizes, "rows_and_sizes_are_what_steps_can_have", "sizes do not ascend: [8, 1]"),
        (Proud, "what_it_has_learned_is_numbers_by_name", "state changes when it is looked at"),
        (BySize, "what_it_has_learned_is_numbers_by_name", "state has (1, 0.5), and must have numbers by name"),
        (Stubborn, "a_request_of_more_rows_runs_alone", "a request of 1 rows, or one beside it, has no answer"),
        (OneTooMany, "a_single_request_of_the_most_rows_runs", "a request of 4 rows (`max_rows`) has no answer"),
    ],
)
def test_what_a_policy_gets_wrong_is_caught(policy: type[BatchingPolicy], test: str, says: str) -> None:
    assert_breaks(contract(policy), test, says)


def test_a_bound_can_be_widened() -> None:
    class Patient(Good):
        def plan(self, waiting: Waiting, *more: Any) -> Sequence[Work] | Wait:
            due = next(iter(waiting)).arrival + 3.0
            return Wait(until=due) if more[-1] < due else super().plan(waiting, *more)

    class Wide(BatchingPolicyContract):
        longest_wait = 5.0

        def policy(self) -> BatchingPolicy:
            return Patient()

    test = "work_does_not_wait_for_long_beside_an_idle_device"
    assert failure_of(contract(Patient), test) is not None
    assert failure_of(Wide, test) is None
