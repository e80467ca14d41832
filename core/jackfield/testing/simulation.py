"""The engine without threads: planner, bisection and executor under a virtual clock, event after event."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from jackfield.engine.admission import Admission, Limits
from jackfield.engine.bisect import reports_of, run_step
from jackfield.engine.delivery import conclude
from jackfield.engine.planner import Planner
from jackfield.errors import Cancelled, Overloaded, Unavailable
from jackfield.interfaces import BatchingPolicy, Capacity, Executor, Scheduler, SequenceExecutor
from jackfield.testing.clock import VirtualClock
from jackfield.testing.scripted import ScriptedExecutor
from jackfield.work import Outcome, Result, State, Step, Wait, Work

_SOON = 1e-4  # virtual seconds after which a policy is asked again that wants to be asked at once


class Stuck(AssertionError):
    """Work was left over: nothing that was still to happen would have answered it."""


@dataclass(slots=True, eq=False)
class Simulated:
    """A step as it went. `executed`: the works of each run on the device, more than one after bisection."""

    work: Sequence[Work]
    planned: float
    started: float = 0.0
    ended: float = 0.0
    executed: list[tuple[Work, ...]] = field(default_factory=list)


class Simulation:
    """One replica, with the semantics of the engine loop: whoever is free plans, a planned step is prepared at once and
    waits for the device, and with two `lanes` that happens while another step is on it.

    `duration` gives the virtual seconds of a run on the device. `submit`, `cancel` and whatever is put down with
    `later` play the part of the event loop; nothing happens until `advance` or `drain` lets time pass. Every answer
    goes to the work's own sink, and the last one is kept in `answers`; each step is in `steps`. An executor that raises
    Unavailable takes the replica down: all its work is answered, `alive` is False, and `submit` raises Unavailable.

    With `limits` work is admitted as by a replica: `submit` raises Overloaded or InvalidRequest too, and `shed` counts.
    """

    def __init__(
        self,
        policy: BatchingPolicy,
        scheduler: Scheduler,
        executor: Executor | None = None,
        *,
        lanes: int = 1,
        duration: Callable[[Step], float] = lambda step: 0.001,
        clock: VirtualClock | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.clock = clock if clock is not None else VirtualClock()
        self.shed = 0
        self.alive = True
        self.accepted: list[Work] = []
        self.answers: dict[Work, Result] = {}
        self.steps: list[Simulated] = []
        self._executor = _Timed(executor if executor is not None else ScriptedExecutor(), duration)
        sequences = executor if isinstance(executor, SequenceExecutor) else None
        self._accept = sequences.accept if sequences is not None else None
        release = sequences.release if sequences is not None else None
        self.planner = Planner("simulated", policy, scheduler, self._executor.capacity, self._settle, release)
        self._lanes = lanes
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._ticket = itertools.count()
        self._inbox: deque[Work] = deque()
        self._withdrawn: deque[Work] = deque()
        self._prepared: deque[tuple[Step, Simulated]] = deque()
        self._executing = False
        self._wait: Wait | None = None
        self._arrived = 0
        self._asked = 0
        self._since: float | None = None
        self.admission = None if limits is None else Admission("simulated", limits, self, scheduler.line())

    @property
    def waiting(self) -> int:
        """How many works wait."""
        return len(self._inbox) + len(self.planner.queue)

    @property
    def waiting_rows(self) -> int:
        """How many rows wait."""
        return sum(work.rows for work in self._inbox) + self.planner.queue.rows

    @property
    def executing_since(self) -> float | None:
        """Since when the device has been at its step; None if it runs none."""
        return self._since

    @property
    def outstanding(self) -> int:
        """How many works were accepted and have no answer."""
        return len(self.accepted) - len(self.answers)

    @property
    def counts(self) -> Counter[State]:
        """How many works are in which final state."""
        return Counter(work.final for work in self.answers if work.final is not None)

    @property
    def idle(self) -> bool:
        """Whether no step is on the device, nor prepared for it."""
        return not self._executing and not self._prepared

    @property
    def asks_again(self) -> float | None:
        """When the policy will be asked again though nothing has happened; None: not on its own."""
        return self._wait.until if self._wait is not None else None

    def submit(self, work: Work) -> Work:
        """Accept `work`, which arrives now."""
        if not self.alive:
            raise Unavailable("the simulated replica is down")
        if self.admission is not None:
            try:
                self.admission.check(work)
            except Overloaded:
                self.shed += 1
                raise
        if self._accept is not None:
            self._accept(work)
        if self.admission is not None:
            self.admission.enter(work)
        self.accepted.append(work)
        self._inbox.append(work)
        self._arrived += work.rows or 1
        if self._wait is not None and self._arrived >= self._wait.rows:
            self._rouse()
        return work

    def cancel(self, work: Work) -> None:
        """The client of `work` has gone."""
        if work.final is None:
            self._settle(work, Cancelled("the request was cancelled"))
            self._withdrawn.append(work)
            self._rouse()

    def reconfigure(self, policy: BatchingPolicy | None = None, scheduler: Scheduler | None = None) -> None:
        """Go on with these from now on; None: as before."""
        self._take_in(self.clock.now())
        self.planner.reconfigure(policy, scheduler)
        if self.admission is not None and scheduler is not None:
            left = [work for work in self.accepted if work.final is None]
            self.admission.reline(scheduler.line(), left)
        self._rouse()

    def later(self, delay: float, call: Callable[[], object]) -> None:
        """Call `call` after `delay` virtual seconds."""
        self._at(self.clock.now() + delay, call)

    def advance(self, seconds: float) -> None:
        """Let time pass, and do what there is to do meanwhile."""
        end = self.clock.now() + seconds
        self._turn()
        while (moment := self._next()) is not None and moment <= end:
            self._go_on(moment)
        self.clock.reach(end)
        self._turn()

    def drain(self, longest: float = 3600.0) -> None:
        """Let time pass until all work is answered and the device idle. Raises Stuck if that takes longer than
        `longest` virtual seconds, or if nothing is left that would lead there."""
        end = self.clock.now() + longest
        self._turn()
        while self.outstanding or not self.idle or len(self.planner.queue):
            moment = self._next()
            if moment is None or moment > end:
                raise Stuck(f"{self.outstanding} works are left without an answer, {len(self.planner.queue)} wait")
            self._go_on(moment)

    def _go_on(self, moment: float) -> None:
        self.clock.reach(moment)
        while self._events and self._events[0][0] <= moment:
            heapq.heappop(self._events)[2]()
        self._turn()

    def _next(self) -> float | None:
        """The moment at which something happens next."""
        moments = [self._events[0][0]] if self._events else []
        if self._wait is not None and self._wait.until is not None:
            moments.append(max(self._wait.until, self.clock.now()))
        return min(moments, default=None)

    def _turn(self) -> None:
        """Let the lanes do all that they can do at this moment."""
        while self.alive:
            if self._prepared and not self._executing:
                self._execute(*self._prepared.popleft())
            elif len(self._prepared) + self._executing < self._lanes and not self._asleep():
                self._plan()
            else:
                return

    def _asleep(self) -> bool:
        wait = self._wait
        if wait is None:
            return False
        return wait.until is None or wait.until > self.clock.now()

    def _take_in(self, now: float) -> None:
        while self._inbox:
            work = self._inbox.popleft()
            self._asked += work.rows or 1
            self.planner.admit(work, now)
        while self._withdrawn:
            self.planner.withdraw(self._withdrawn.popleft())

    def _plan(self) -> None:
        now = self.clock.now()
        self._take_in(now)
        plan = self.planner.next(now)
        if isinstance(plan, Step):
            self._wait = None
            record = Simulated(tuple(plan.work), now)
            self.steps.append(record)
            self._prepared.append((plan, record))
            return
        until = None if plan.until is None else max(plan.until, now + _SOON)
        self._wait = Wait(until, self._asked + max(plan.rows - self.planner.queue.rows, 0))

    def _execute(self, step: Step, record: Simulated) -> None:
        self._executing = True
        start = record.started = self._since = self.clock.now()
        timed = self._executor
        timed.begin(record)
        try:
            results = run_step(timed, step, nullcontext(), lambda: start + timed.spent)
        except Unavailable as error:
            results, death = [], str(error)
            self._at(start + timed.spent, lambda: self._die(death))
            return
        record.ended = start + timed.spent
        self._at(record.ended, lambda: self._end(step, results))

    def _end(self, step: Step, results: Sequence[Result | None]) -> None:
        self._executing, self._since = False, None
        if not self.alive:
            return
        self.planner.ended(step, self.clock.now(), results)
        self._rouse()
        reports = reports_of(step)
        if self.admission is not None and reports:
            self.admission.learn(reports)
        for work, result in zip(step.work, results, strict=True):
            if result is not None:
                self._settle(work, result)

    def _die(self, reason: str) -> None:
        self.alive = False
        self._executing = False
        self._prepared.clear()
        self._wait = None
        for work in self.accepted:
            if work.final is None:
                self._settle(work, Unavailable(f"the simulated replica is down: {reason}"))
                self.planner.withdraw(work)

    def _settle(self, work: Work, result: Result) -> None:
        answer = conclude(work, result, self.clock.now())
        if answer is None:
            return
        if work.final is not None:
            self.answers[work] = answer
            if answer is not result:  # as a replica does
                self._withdrawn.append(work)
                self._rouse()
            if self.admission is not None:
                self.admission.leave(work)
        work.sink(work, answer)

    def _rouse(self) -> None:
        self._wait = None

    def _at(self, moment: float, call: Callable[[], object]) -> None:
        heapq.heappush(self._events, (moment, next(self._ticket), call))


class _Timed(Executor):
    """Another executor, with the virtual time that its runs take."""

    def __init__(self, executor: Executor, duration: Callable[[Step], float]) -> None:
        self.signature = executor.signature
        self.capabilities = executor.capabilities
        self.spent = 0.0
        self._executor = executor
        self._duration = duration
        self._record: Simulated | None = None

    def begin(self, record: Simulated) -> None:
        """A step begins, of which `record` is kept."""
        self.spent = 0.0
        self._record = record

    def prepare(self, step: Step) -> Any:
        """As the other."""
        return self._executor.prepare(step)

    def execute(self, step: Step) -> Outcome:
        """As the other; a failing run takes as long as one that succeeds. Reports tell virtual time too."""
        if self._record is not None:
            self._record.executed.append(tuple(step.work))
        seconds = self._duration(step)
        self.spent += seconds
        outcome = self._executor.execute(step)
        report = step.work[0].report
        if report is not None:
            report.execute, report.finish = seconds, 0.0
        return outcome

    def capacity(self) -> Capacity:
        """As the other."""
        return self._executor.capacity()


__all__ = ["Simulated", "Simulation", "Stuck"]
