"""Plugins under watch: what they are asked and answer is judged, since the engine would make the best of it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from jackfield.interfaces import BatchingPolicy, Capacity, Scheduler, Waiting
from jackfield.types import Capabilities
from jackfield.work import Step, Wait, Work

_CLOCKS = ("time", "monotonic", "perf_counter", "sleep", "time_ns", "monotonic_ns", "perf_counter_ns")


@contextmanager
def time_is_passed_in() -> Iterator[None]:
    """Whoever reads a clock or sleeps in here, in this thread, gets an AssertionError."""
    here = threading.get_ident()

    def guarded(name: str) -> Callable[..., Any]:
        real = getattr(time, name)

        def function(*args: Any) -> Any:
            if threading.get_ident() == here:
                raise AssertionError(f"time.{name} was called, and time is passed in")
            return real(*args)

        return function

    with ExitStack() as stack:
        for name in _CLOCKS:
            stack.enter_context(mock.patch.object(time, name, guarded(name)))
        yield


class View:
    """`Waiting` and nothing else: what is not in the interface cannot be relied on."""

    __slots__ = ("_waiting",)

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting

    def __iter__(self) -> Iterator[Work]:
        return iter(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def rows(self) -> int:
        """How many rows wait."""
        return self._waiting.rows

    def rows_of(self, key: Hashable) -> int:
        """How many rows of works with this key wait."""
        return self._waiting.rows_of(key)


class WatchedPolicy(BatchingPolicy):
    """Another policy. `breaches` are the rules that it has broken, each with the first case."""

    def __init__(self, policy: BatchingPolicy, longest_wait: float) -> None:
        super().__init__(policy.settings)
        self.group_by, self.pad, self.padding = policy.group_by, policy.pad, policy.padding
        self.breaches: dict[str, str] = {}
        self._policy = policy
        self._longest_wait = longest_wait
        self._ended = 0.0
        self._first: tuple[Work | None, int] = (None, 0)
        self.most_passed_over = 0
        """How many steps in a row went by the work that was offered first."""

    @property
    def capabilities(self) -> Capabilities:
        """Those of the other."""
        return self._policy.capabilities

    @capabilities.setter
    def capabilities(self, capabilities: Capabilities) -> None:
        self._policy.capabilities = capabilities

    @property
    def max_rows(self) -> int:
        """As the other."""
        return self._policy.max_rows

    def state(self) -> Mapping[str, float]:
        """As the other."""
        return self._policy.state()

    def sizes(self) -> Sequence[int]:
        """As the other."""
        return self._policy.sizes()

    def observe(self, step: Step, now: float) -> None:
        """As the other; that must not raise."""
        self._ended = now
        try:
            with time_is_passed_in():
                self._policy.observe(step, now)
        except Exception as error:
            self._breach("raises", f"observe raised {_told(error)}")
            raise

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        """As the other; what comes of it is judged."""
        before = list(waiting)
        state = [_state(work) for work in before]
        try:
            with time_is_passed_in():
                plan = self._policy.plan(View(waiting), tuple(running), capacity, now)
        except Exception as error:
            self._breach("raises", f"plan raised {_told(error)} with {len(before)} works waiting")
            raise
        if list(waiting) != before or [_state(work) for work in before] != state:
            self._breach("changes", "plan changed the work that it was only to choose from")
        if isinstance(plan, Wait):
            self._judge_wait(plan, before, capacity, now)
        else:
            self._judge_step(list(plan), before, capacity)
        return plan

    def _judge_wait(self, wait: Wait, waiting: Sequence[Work], capacity: Capacity, now: float) -> None:
        if not waiting or capacity.busy:
            return
        if wait.until is None or not math.isfinite(wait.until):
            self._breach("sleeps", f"{len(waiting)} works wait beside an idle device, and plan gives no time: {wait}")
            raise AssertionError("an idle device was put to sleep")  # so that the simulation comes to an end
        since = max(min(work.arrival for work in waiting), self._ended)
        if now - since > self._longest_wait:
            self._breach(
                "sleeps",
                f"work has waited beside an idle device for {now - since:.3f} s, and {self._longest_wait:g} s are "
                "the most (`longest_wait`)",
            )
            raise AssertionError("an idle device waits for too long")

    def _judge_step(self, chosen: Sequence[Work], waiting: Sequence[Work], capacity: Capacity) -> None:
        if not chosen:
            self._breach("misfits", "a step without work was planned")
        if len(set(chosen)) != len(chosen):
            self._breach("misfits", "one work stands twice in a step")
        if not set(chosen) <= set(waiting):
            self._breach("misfits", "work was planned that does not wait")
        if len({work.key for work in chosen}) > 1:
            self._breach("misfits", "works of different keys were planned into one step")
        rows = sum(work.rows for work in chosen)
        for limit, name in ((capacity.rows, "the capacity"), (self.max_rows, "the policy's own max_rows")):
            if rows > limit and len(chosen) > 1:
                self._breach("misfits", f"a step of {rows} rows was planned, and {name} is {limit}")
        self._judge_order(set(chosen), waiting)

    def _judge_order(self, chosen: set[Work], waiting: Sequence[Work]) -> None:
        left: set[Hashable] = set()
        for place, work in enumerate(waiting):
            alike = (work.key, work.rows, work.lengths)
            if work not in chosen:
                left.add(alike)
            elif alike in left:
                self._breach(
                    "reorders", f"the work offered at place {place} was taken before one like it that was offered first"
                )
        first, times = self._first
        if waiting[0] in chosen:
            self._first = (None, 0)
        else:
            self._first = (waiting[0], times + 1 if first is waiting[0] else 1)
            self.most_passed_over = max(self.most_passed_over, self._first[1])

    def _breach(self, rule: str, case: str) -> None:
        self.breaches.setdefault(rule, case)


class WatchedScheduler(Scheduler):
    """Another scheduler; what it raises is kept."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler.settings)
        self.raised: list[str] = []
        self._scheduler = scheduler
        vars(self)["foresees"] = scheduler.foresees  # what the engine reads of a class, it reads of the other's

    def add(self, work: Work, now: float) -> None:
        """As the other."""
        self._told("add", lambda: self._scheduler.add(work, now))

    def remove(self, work: Work) -> None:
        """As the other."""
        self._told("remove", lambda: self._scheduler.remove(work))

    def offer(self, now: float) -> Iterator[Work]:
        """As the other."""
        offered = self._told("offer", lambda: iter(self._scheduler.offer(now)))
        while (work := self._told("offer", lambda: next(offered, None))) is not None:
            yield work

    def __len__(self) -> int:
        return len(self._scheduler)

    def _told(self, method: str, ask: Callable[[], Any]) -> Any:
        try:
            with time_is_passed_in():
                return ask()
        except Exception as error:
            self.raised.append(f"{method} raised {_told(error)}")
            raise


def _state(work: Work) -> tuple[object, ...]:
    return (work.rows, work.key, work.arrival, work.deadline, work.running, work.final, work.report, work.request)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
