"""What runs next: the decisions of the engine loop, without threads and with time passed in.

The loop drives it with real threads; tests and simulations drive it with a virtual clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from jackfield.engine.bisect import EXPIRED
from jackfield.engine.queue import Queue
from jackfield.engine.sharing import sharing_of, unassign
from jackfield.errors import ExecutionFailed, Expired, JackfieldError
from jackfield.interfaces import BatchingPolicy, Capacity, Scheduler
from jackfield.work import Response, Result, Step, StepReport, Wait, Work

log = structlog.get_logger("jackfield.engine")

_FORGET = 1.05  # by how much the quickest step that is remembered grows with each further one
_LOOK_AGAIN = 1.0  # seconds after which a policy that says "wait" is asked again, if work waits and the device is idle


class Planner:
    """Owns queue, policy and the set of running steps. Used by one thread at a time.

    `refused` is called with work that will not run, or not on, and why (expired, or its policy failed): deliver it.
    `release` is called with work that has begun, or was to begin, and is over; None: no work takes more than one step.
    """

    def __init__(
        self,
        name: str,
        policy: BatchingPolicy,
        scheduler: Scheduler,
        capacity: Callable[[], Capacity],
        refused: Callable[[Work, JackfieldError], None],
        release: Callable[[Work], None] | None = None,
    ) -> None:
        self.name = name
        self.queue = Queue(scheduler)
        self._begun: dict[Work, None] = {}
        self._on_device: set[Work] = set()
        self._release = release
        self._policy = policy
        self._sharing = sharing_of(policy)
        self._capacity = capacity
        self._refused = refused
        self._steps = 0
        self._earlier: set[Work] = set()  # runs in steps of an earlier policy
        self._foresees = scheduler.foresees

    @property
    def busy(self) -> bool:
        """Whether a step was planned that has not ended."""
        return self._steps > 0

    @property
    def running(self) -> list[Work]:
        """The works that have begun and are not over, in the order in which they began."""
        return list(self._begun)

    def admit(self, work: Work, now: float) -> None:
        """Let `work` wait, unless it is over already. A scheduler that does not take it in costs this work alone."""
        if work.final is not None:
            return
        try:
            if self._sharing is not None:
                self._sharing.assign(work)
            self.queue.add(work, now)
        except Exception as error:
            self._not_taken(work, error)

    def withdraw(self, work: Work) -> None:
        """Forget `work`, which is over, if it waits or is between two steps; on the device, it is when its step
        ends."""
        if not work.running:
            self.queue.remove(work)
        elif work in self._begun and work not in self._on_device:
            self._leave(work)

    def reconfigure(self, policy: BatchingPolicy | None, scheduler: Scheduler | None) -> None:
        """Plan with `policy` and in the order of `scheduler` from now on; each is new and unused, None: as before.

        All work that waits goes on waiting, unless the scheduler does not take it in; what runs is not touched."""
        if policy is not None:
            before, self._sharing = self._sharing, sharing_of(policy)
            if before is not None or self._sharing is not None:
                self.queue.rekey(unassign if self._sharing is None else self._sharing.assign)
            self._policy = policy
            self._earlier.update(self._on_device)
        if scheduler is not None:
            self._foresees = scheduler.foresees
            if not scheduler.foresees:
                self.queue.notice = 0.0
            for work, error in self.queue.reorder(scheduler):
                self._not_taken(work, error)

    def next(self, now: float) -> Step | Wait:
        """The next step, already taken out of the queue; or when to ask again."""
        for work in self.queue.advance(now):
            self._refused(work, Expired(EXPIRED))
        between = self._release is not None and len(self._begun) > len(self._on_device)
        if between:
            self._expire_begun(now)
        while True:
            if not len(self.queue) and not (between and len(self._begun) > len(self._on_device)):
                return Wait(None)
            capacity = self._capacity()
            if self._steps:
                capacity = replace(capacity, busy=True)
            try:
                plan = self._policy.plan(self.queue, tuple(self._begun), capacity, now)
                if isinstance(plan, Wait):
                    if not self._steps and len(self.queue):
                        self._check_offered()
                    return self._bounded(plan, now)
                return self._start(plan, capacity, now)
            except Exception as error:  # a foreign policy may raise anything: it costs one request, never the loop
                self._fail_oldest(error)

    def ended(self, step: Step, now: float, results: Sequence[Result | None]) -> None:
        """The step had run at `now`, before anybody was answered; the device is free for the next. Work whose result
        leaves it open goes on. `results` is empty if the executor is gone for good."""
        self._steps -= 1
        if self._foresees:
            self._notice(step)
        self._on_device.difference_update(step.work)
        for work, result in zip(step.work, results, strict=False):
            open_still = result is None or (isinstance(result, Response) and not result.final)
            if not open_still or work.final is not None:
                del self._begun[work]
                if self._release is not None:
                    self._leave(work)
        if self._earlier and step.work[0] in self._earlier:
            self._earlier.difference_update(step.work)
            return
        try:
            self._policy.observe(step, now)
        except Exception:
            log.exception("batching policy raised in observe", replica=self.name)

    def _leave(self, work: Work) -> None:
        """`work` is over."""
        self._begun.pop(work, None)
        if self._release is not None:
            try:
                self._release(work)
            except Exception:
                log.exception("executor raised in release", replica=self.name)

    def _expire_begun(self, now: float) -> None:
        """Give up work between two steps whose deadline has passed."""
        for work in self.running:
            if work.deadline is not None and work.deadline <= now and work not in self._on_device:
                self._leave(work)
                self._refused(work, Expired(EXPIRED))

    def _notice(self, step: Step) -> None:
        """Learn what a step takes at least; forgotten slowly, so that one lucky step does not count for ever."""
        report = step.work[0].report
        if report is not None and not report.failed and report.rows:
            took = report.prepare + report.execute + report.finish
            known = self.queue.notice
            self.queue.notice = min(took, known * _FORGET) if known else took

    def _start(self, chosen: Sequence[Work], capacity: Capacity, now: float) -> Step:
        rows = self._checked(chosen, capacity)
        report = StepReport(self.name, rows, len(chosen), now)
        for work in chosen:
            if not work.running:
                self.queue.remove(work)
                work.running = True
                self._begun[work] = None
            work.report = report
        report.waiting = self.queue.rows
        self._on_device.update(chosen)
        self._steps += 1
        return Step(chosen, rows)

    def _checked(self, chosen: Sequence[Work], capacity: Capacity) -> int:
        if not chosen:
            raise ValueError("planned a step without work")
        rows = 0
        key = chosen[0].key
        for work in chosen:
            if work not in self.queue and (work not in self._begun or work in self._on_device):
                raise ValueError("planned work that neither waits nor is between two steps")
            if work.key != key:
                raise ValueError("planned works of different keys into one step")
            rows += work.rows
        if len(set(chosen)) != len(chosen):
            raise ValueError("planned one work twice")
        if rows > capacity.rows and len(chosen) > 1:
            raise ValueError(f"planned {rows} rows where {capacity.rows} fit")
        return rows

    def _check_offered(self) -> None:
        """Nobody would ever be asked about work that waits and is not offered."""
        if next(iter(self.queue), None) is None and self.queue.any().final is None:
            raise LookupError("the scheduler does not offer work that waits")

    def _bounded(self, wait: Wait, now: float) -> Wait:
        """`wait` with the next deadline in it; and nothing that a policy says puts an idle device to sleep for good."""
        until = math.inf if wait.until is None else wait.until
        latest = math.inf if self._steps else now + _LOOK_AGAIN
        deadline = self.queue.next_deadline
        if deadline is not None and deadline < latest:
            latest = deadline
        if not until < latest:  # also where it is not a number
            until = latest
        return Wait(None if until == math.inf else until, max(wait.rows, 1))

    def _not_taken(self, work: Work, error: Exception) -> None:
        log.error("scheduler raised", replica=self.name, error=f"{type(error).__name__}: {error}")
        if work.final is None:
            self._refused(work, ExecutionFailed(f"the batching policy or scheduler of replica '{self.name}' failed"))

    def _fail_oldest(self, error: Exception) -> None:
        log.error("planning failed", replica=self.name, error=f"{type(error).__name__}: {error}")
        if not len(self.queue):
            oldest = next(work for work in self._begun if work not in self._on_device)
        else:
            try:
                oldest = next(iter(self.queue))
            except Exception:  # the scheduler is at fault as well: any member will do
                oldest = self.queue.any()
            self.queue.remove(oldest)
        self._leave(oldest)
        self._refused(oldest, ExecutionFailed(f"the batching policy or scheduler of replica '{self.name}' failed"))
