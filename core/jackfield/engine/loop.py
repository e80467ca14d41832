"""The engine loop of a replica, driven by threads.

One or two threads ("lanes") run the same loop: whoever holds the planning lock plans the next step and prepares it,
then waits for the device. With two lanes the next step is planned and prepared while the device runs the current one,
and delivery of one step overlaps with the next; no step is ever handed from thread to thread.

The event loop never waits for a lock here: it appends to an inbox, which whoever plans drains.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog

from jackfield.clock import Clock
from jackfield.engine.bisect import reports_of, run_step
from jackfield.engine.planner import Planner
from jackfield.engine.wake import Wake
from jackfield.errors import JackfieldError, Unavailable
from jackfield.interfaces import BatchingPolicy, Capacity, Executor, Scheduler, SequenceExecutor
from jackfield.interfaces.engine import Deliver, Died
from jackfield.work import Result, Step, Wait, Work

log = structlog.get_logger("jackfield.engine")


class _Device:
    """The device's lock, which remembers since when somebody holds it."""

    def __init__(self, clock: Clock) -> None:
        self._lock = threading.Lock()
        self._now = clock.now
        self.since: float | None = None

    def __enter__(self) -> None:
        self._lock.acquire()
        self.since = self._now()

    def __exit__(self, *_: object) -> None:
        self.since = None
        self._lock.release()


class EngineLoop:
    """Implements `Engine`. Runs steps until it is stopped; `deliver` is called once per step, from an engine thread.
    `running`, if given, is told before each step which works it has, and after it of none.

    `submit`, `withdraw` and the properties are for one other thread (the event loop); none of them blocks.
    """

    def __init__(
        self,
        name: str,
        executor: Executor,
        policy: BatchingPolicy,
        scheduler: Scheduler,
        clock: Clock,
        deliver: Deliver,
        died: Died,
        lanes: int = 1,
        running: Callable[[Sequence[Work]], None] | None = None,
    ) -> None:
        self.name = name
        self._executor = executor
        self._now = clock.now
        self._deliver = deliver
        self._died = died
        self._running = running
        self._refused: list[tuple[Work, Result]] = []
        self._release = executor.release if isinstance(executor, SequenceExecutor) else None
        self._policy = policy
        self._planner = Planner(name, policy, scheduler, self._capacity, self._refuse, self._release)
        self._inbox: deque[Work] = deque()
        self._withdrawn: deque[Work] = deque()
        self._begun: deque[Work] = deque()  # withdrawn between two steps: only a lane may touch what the executor holds
        self._changes: deque[tuple[BatchingPolicy | None, Scheduler | None]] = deque()
        self._ended: deque[tuple[Step, float, Sequence[Result | None]]] = deque()
        self._submitted_rows = 0  # written by the event loop; work of no rows counts as one, so that it is noticed
        self._admitted_rows = 0  # written by whoever plans
        self._wake_at = 0
        self._wake = Wake()
        self._plan_lock = threading.Lock()
        self._device = _Device(clock)
        self._stopping = False
        self._closed = False
        self._stop_lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._lane, name=f"jackfield-{name}-{n}", daemon=True) for n in range(lanes)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    @property
    def executing_since(self) -> float | None:
        """Since when the device has been at the step that it runs now; None if it runs none."""
        return self._device.since

    @property
    def waiting(self) -> int:
        """How many works wait, give or take those that are on the move this very moment."""
        return len(self._inbox) + len(self._planner.queue)

    @property
    def waiting_rows(self) -> int:
        """How many rows wait."""
        return self._submitted_rows - self._admitted_rows + self._planner.queue.rows

    @property
    def suspects(self) -> Collection[Work] | None:
        """See `Engine`."""
        return None

    def worker_state(self) -> Mapping[str, float]:
        """Nothing of its own: it runs here."""
        return {}

    def policy_state(self) -> Mapping[str, float]:
        """What the policy has learned."""
        return self._policy.state()

    def executor_state(self) -> Mapping[str, float]:
        """What an executor of work of many steps holds; empty for others."""
        return self._executor.state() if isinstance(self._executor, SequenceExecutor) else {}

    def submit(self, work: Work) -> None:
        """Let `work` wait for its step."""
        self._submitted_rows += work.rows or 1
        self._inbox.append(work)
        if self._submitted_rows >= self._wake_at:
            self._wake.set()

    def withdraw(self, work: Work) -> None:
        """Forget `work`, which is over, if it waits or is between two steps."""
        if not work.running:
            self._withdrawn.append(work)
            self._take_turn()
        elif self._release is not None:
            self._begun.append(work)
            self._wake.set()

    def reconfigure(self, policy: BatchingPolicy | None, scheduler: Scheduler | None, config: object = None) -> None:
        """Plan with these from the next step on at the latest; None: as before. They belong to the loop then. `config`
        is for engines that make them anew elsewhere."""
        if policy is not None:
            self._policy = policy
        self._changes.append((policy, scheduler))
        self._take_turn()
        self._wake.set()  # a new policy may not want to wait for what the old one waited for

    def stop(self, timeout: float) -> bool:
        """End the threads and close the executor; whether they ended within `timeout` seconds. Blocks.

        If a thread hangs in the executor, that is left alone: it cannot be closed safely."""
        self._stopping = True
        self._wake.set()
        until = self._now() + timeout
        with self._stop_lock:
            for thread in self._threads:
                if thread.ident is not None:
                    thread.join(max(until - self._now(), 0.0))
            if any(thread.is_alive() for thread in self._threads):
                log.warning("engine thread did not end", replica=self.name)
                return False
            if not self._closed:
                self._closed = True
                self._close()
            return True

    def _take_turn(self) -> None:
        """Have what was put down taken in now: here, if nobody plans, since every lane may be busy for long; otherwise
        by the lane that plans, which may be asleep."""
        if self._plan_lock.acquire(blocking=False):
            try:
                self._take_in()
            finally:
                self._plan_lock.release()
        else:
            self._wake.set()

    def _close(self) -> None:
        try:
            self._executor.close()
        except Exception:  # foreign code, at the end of its life: nobody can do anything about it but know
            log.exception("executor raised in close", replica=self.name)

    def _lane(self) -> None:
        try:
            while True:
                with self._plan_lock:
                    step = self._await_step()
                if step is None:
                    return
                self._run(step)
                del step  # or its tensors would stay until the next one comes
        except Unavailable as error:
            self._stopping = True
            self._died(str(error))
        except BaseException as error:
            self._stopping = True
            log.exception("engine loop failed", replica=self.name)
            self._died(f"its engine loop failed: {type(error).__name__}")
        finally:
            self._wake.set()  # the other lane may be waiting for a step of this one to end

    def _await_step(self) -> Step | None:
        while True:
            if self._stopping:
                return None
            self._drain()
            plan = self._planner.next(self._now())
            if self._refused:
                refused, self._refused = self._refused, []
                self._deliver(refused, ())
            if isinstance(plan, Step):
                return plan
            self._sleep(plan)

    def _sleep(self, wait: Wait) -> None:
        self._wake_at = self._admitted_rows + max(wait.rows - self._planner.queue.rows, 0)
        self._wake.arm()
        put_down = self._ended or self._withdrawn or self._begun or self._changes
        if put_down or self._stopping or (self._inbox and self._submitted_rows >= self._wake_at):
            self._wake.disarm()
            return
        self._wake.sleep(None if wait.until is None else wait.until - self._now())
        self._wake_at = 0

    def _drain(self) -> None:
        while self._ended:
            self._planner.ended(*self._ended.popleft())
        self._take_in()
        while self._begun:
            self._planner.withdraw(self._begun.popleft())

    def _take_in(self) -> None:
        planner = self._planner
        now = self._now()
        while self._inbox:
            work = self._inbox.popleft()
            self._admitted_rows += work.rows or 1
            planner.admit(work, now)
        while self._withdrawn:
            work = self._withdrawn.popleft()
            if work.running:  # it has begun meanwhile
                self._begun.append(work)
            else:
                planner.withdraw(work)
        while self._changes:
            planner.reconfigure(*self._changes.popleft())

    def _run(self, step: Step) -> None:
        results: Sequence[Result | None] = ()
        if self._running is not None:
            self._running(step.work)
        try:
            results = run_step(self._executor, step, self._device, self._now)
        finally:
            self._ended.append((step, self._now(), results))
            self._wake.set()
        done = [(work, result) for work, result in zip(step.work, results, strict=True) if result is not None]
        self._deliver(done, reports_of(step))
        if self._running is not None:
            self._running(())

    def _capacity(self) -> Capacity:
        return self._executor.capacity()

    def _refuse(self, work: Work, error: JackfieldError) -> None:
        self._refused.append((work, error))
