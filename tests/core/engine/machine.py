"""A state machine that does to the engine whatever can happen to it, under a virtual clock, and watches the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jackfield.errors import Cancelled, ExecutionFailed, Expired, Unavailable
from jackfield.interfaces import BatchingPolicy, Scheduler
from jackfield.lifecycle.padding import settle_padding
from jackfield.options import Options
from jackfield.padding import Buckets, PadAxis, PadOptions
from jackfield.testing import Fault, ScriptedExecutor, Simulation, VirtualClock, make_work
from jackfield.types import Capabilities
from jackfield.work import Outcome, Response, Result, State, Step, Work
from jackfield_plugins.batching.adaptive import Adaptive, AdaptiveOptions
from jackfield_plugins.batching.dynamic import Dynamic, DynamicOptions
from jackfield_plugins.batching.single import Single, SingleOptions
from jackfield_plugins.scheduling.deadline import Deadline, DeadlineOptions
from jackfield_plugins.scheduling.fair import Fair, FairOptions
from jackfield_plugins.scheduling.fifo import Fifo
from jackfield_plugins.scheduling.priority import Priority, PriorityOptions

POISON = -1.0
FAULTS = (Fault.RAISE, Fault.EXIT, Fault.MEMORY, Fault.FEW_ROWS, Fault.WRONG_SHAPE, Fault.WRONG_DTYPE, Fault.NO_OUTPUT)
EPSILON = 1e-9
PAD = PadOptions(
    axes=(PadAxis(name="width", inputs={"x": 1}, outputs={"y": 1}),),
    buckets=Buckets(lengths=(4,)),
    budget=0.5,
    prove=False,
)


class Watching(ScriptedExecutor):
    """Notes work on the device that has no business there."""

    def __init__(self, clock: VirtualClock, **more: Any) -> None:
        super().__init__(**more)
        self._clock = clock
        self.trespassers: list[Work] = []

    def execute(self, step: Step) -> Outcome:
        now = self._clock.now()
        self.trespassers += [w for w in step.work if w.final or (w.deadline is not None and w.deadline <= now)]
        return super().execute(step)


class EngineMachine(RuleBasedStateMachine):
    """Arrivals, cancellations, time and faults, in any order. Subclasses say which policy and scheduler."""

    changes: ClassVar[bool] = False
    """Whether policy and scheduler are changed meanwhile, for any others."""

    def policy(self, most: int, delay_ms: float, preferred: tuple[int, ...]) -> BatchingPolicy:
        """The batching policy."""
        return Dynamic(DynamicOptions(max_batch_size=most, max_delay_ms=delay_ms, preferred_batch_sizes=preferred))

    def scheduler(self) -> Scheduler:
        """The scheduler."""
        return Fifo(Options())

    def tamper(self) -> None:
        """Where a test puts a bug in."""

    @initialize(
        lanes=st.sampled_from([1, 2]),
        most=st.integers(1, 8),
        fits=st.one_of(st.none(), st.integers(1, 8)),
        delay_ms=st.sampled_from([0.0, 1.0, 3.0]),
        preferred=st.lists(st.integers(1, 8), max_size=2),
        ms=st.sampled_from([0.2, 2.0]),
        fault=st.sampled_from(FAULTS),
    )
    def start(
        self,
        lanes: int,
        most: int,
        fits: int | None,
        delay_ms: float,
        preferred: list[int],
        ms: float,
        fault: Fault,
    ) -> None:
        """A replica, which is begun anew when it has died."""
        self.own_most, self.own_delay = min(most, fits or most), delay_ms / 1000
        self.answers: Counter[Work] = Counter()
        self.wrong: list[tuple[Work, Result]] = []
        self.cancelled: set[Work] = set()
        self.excused: set[Work] = set()
        self.serial = 0

        def begin() -> None:
            clock = VirtualClock()
            self.most, self.delay = self.own_most, self.own_delay
            self.executor = Watching(clock, capabilities=Capabilities(max_rows=fits), poison={POISON: fault})
            policy = self.policy(most, delay_ms, tuple(preferred))
            if policy.pad is not None:
                policy.padding = settle_padding(self.executor, policy.pad, 1, None)
            self.simulation = Simulation(
                policy,
                self.scheduler(),
                self.executor,
                lanes=lanes,
                duration=lambda step: ms / 1000,
                clock=clock,
            )
            self.tamper()

        self.begin: Callable[[], None] = begin
        begin()

    @rule(
        rows=st.integers(0, 5),
        width=st.integers(1, 3),
        priority=st.integers(-1, 9),
        tenant=st.sampled_from(["", "a", "b"]),
        timeout=st.sampled_from([None, None, 0.0, 0.0005, 0.002, 0.02]),
        poisoned=st.booleans(),
    )
    def arrive(self, rows: int, width: int, priority: int, tenant: str, timeout: float | None, poisoned: bool) -> None:
        """A request is accepted."""
        self.serial += 1
        work = make_work(
            min(rows, self.most),
            width=width,
            value=POISON if poisoned and self.serial % 3 == 0 else float(self.serial),
            now=self.simulation.clock.now(),
            timeout=timeout,
            priority=priority,
            tenant=tenant,
            parameters={"p": [rows] * (1000 if poisoned else 1)},
            sink=self._answered,
        )
        if self.executor.always or self.executor.script:
            self.excused.add(work)
        self.simulation.submit(work)

    @rule(count=st.integers(2, 9), width=st.integers(1, 3))
    def arrive_together(self, count: int, width: int) -> None:
        """Several clients at one moment."""
        for _ in range(count):
            self.arrive(1, width, 0, "", None, False)

    @precondition(lambda self: self.simulation.outstanding)
    @rule(index=st.integers(0, 99))
    def cancel(self, index: int) -> None:
        """A client goes, wherever its request is."""
        waiting = [work for work in self.simulation.accepted if work.final is None]
        self._cancel(waiting[index % len(waiting)])

    @precondition(lambda self: any(work.running and work.final is None for work in self.simulation.accepted))
    @rule(index=st.integers(0, 99))
    def cancel_running(self, index: int) -> None:
        """A client goes whose request was planned already."""
        running = [work for work in self.simulation.accepted if work.running and work.final is None]
        self._cancel(running[index % len(running)])

    @rule(seconds=st.sampled_from([0.0, 0.0001, 0.0005, 0.001, 0.003, 0.05]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.simulation.advance(seconds)

    @rule(fault=st.sampled_from(FAULTS))
    def fail_once(self, fault: Fault) -> None:
        """The next run fails, whatever is in it."""
        self._excuse()
        self.executor.script.append(fault)

    @rule(on=st.booleans())
    def fail_for_a_while(self, on: bool) -> None:
        """Each run fails, or no longer."""
        self._excuse()
        self.executor.always = Fault.RAISE if on else None

    @precondition(lambda self: self.changes and self.simulation.alive)
    @rule(
        policy=st.sampled_from([None, "none", "dynamic", "adaptive", "dynamic, grouped"]),
        scheduler=st.sampled_from([None, "fifo", "priority", "deadline", "fair"]),
        most=st.integers(1, 8),
        delay_ms=st.sampled_from([0.0, 1.0, 3.0]),
        preferred=st.lists(st.integers(1, 8), max_size=2),
    )
    def reconfigure(
        self, policy: str | None, scheduler: str | None, most: int, delay_ms: float, preferred: list[int]
    ) -> None:
        """The operator changes what runs; steps may become smaller than work that waits."""
        waiting = [work for work in self.simulation.accepted if work.final is None and not work.running]
        if policy is not None:
            self.most = min(most, self.executor.capabilities.max_rows or most)
            self.delay = delay_ms / 1000
        if policy is not None and self.executor.padding is not None:
            policy = "dynamic, padded"  # another cannot take over what is padded
        new = None if policy is None else POLICIES[policy](most, delay_ms, tuple(preferred))
        if new is not None:
            new.padding = self.executor.padding
        self.simulation.reconfigure(
            new,
            None if scheduler is None else SCHEDULERS[scheduler](),
        )
        assert [work for work in waiting if work.final is None] == waiting, "a change has ended work"
        assert set(self.simulation.planner.queue) == set(waiting), "a change has lost work, or brought some back"

    @precondition(lambda self: self.serial % 5 == 4)
    @rule()
    def die(self) -> None:
        """The worker is gone at its next run; another replica takes over."""
        self.executor.script.appendleft(Fault.UNAVAILABLE)
        self.arrive(1, 1, 0, "", None, False)
        self.simulation.drain(60)
        assert not self.simulation.alive
        self.check()
        self.begin()

    @invariant()
    def check(self) -> None:
        """What always holds."""
        simulation = self.simulation
        counts = simulation.counts
        final = (State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED)
        assert len(simulation.accepted) == sum(counts[state] for state in final) + simulation.outstanding
        assert simulation.outstanding == sum(work.final is None for work in simulation.accepted)
        assert all(self.answers[work] == (work.final is not None) for work in simulation.accepted), "not just once"
        assert not self.wrong, "a wrong answer"
        assert not self.executor.trespassers, "work was on the device that was over"
        planned = Counter(work for step in simulation.steps for work in step.work)
        assert all(times == 1 for times in planned.values()), "work was planned twice"
        waiting = [work for work in simulation.planner.queue if not work.running]
        assert simulation.planner.queue.rows >= sum(work.rows for work in waiting)
        if simulation.alive and waiting and simulation.idle and simulation.asks_again is not None:
            left = simulation.asks_again - simulation.clock.now()
            assert left <= self.delay + EPSILON, "an idle device is kept from work"

    def teardown(self) -> None:
        """In the end all is answered."""
        if not hasattr(self, "simulation"):
            return
        self._excuse()
        self.executor.always = None
        self.simulation.drain(60)
        self.check()
        assert self.simulation.outstanding == 0, "work is outstanding in the end"
        planner = self.simulation.planner
        assert (len(planner.queue), planner.queue.rows) == (0, 0), "the queue is not empty in the end"
        assert planner.running == [] or not self.simulation.alive, "work that is over passes for running"

    def _cancel(self, work: Work) -> None:
        self.cancelled.add(work)
        self.simulation.cancel(work)

    def _excuse(self) -> None:
        self.excused.update(work for work in self.simulation.accepted if work.final is None)

    def _answered(self, work: Work, result: Result) -> None:
        self.answers[work] += 1
        if not self._fitting(work, result):
            self.wrong.append((work, result))

    def _fitting(self, work: Work, result: Result) -> bool:
        x: Any = work.request.inputs["x"]
        poisoned = bool((x == POISON).any())
        match result:
            case Response():
                return not poisoned and np.array_equal(result.outputs["y"], x * 2 + 1)
            case Expired():
                # a scheduler that foresees gives up what the quickest step could no longer meet
                notice = self.simulation.planner.queue.notice
                return work.deadline is not None and work.deadline - notice <= self.simulation.clock.now()
            case Cancelled():
                return work in self.cancelled
            case ExecutionFailed():
                return poisoned or work in self.excused
            case Unavailable():
                return not self.simulation.alive
        return False


POLICIES: dict[str, Callable[[int, float, tuple[int, ...]], BatchingPolicy]] = {
    "none": lambda most, delay, preferred: Single(SingleOptions(max_batch_size=most)),
    "dynamic": lambda most, delay, preferred: Dynamic(
        DynamicOptions(max_batch_size=most, max_delay_ms=delay, preferred_batch_sizes=preferred)
    ),
    "adaptive": lambda most, delay, preferred: Adaptive(
        AdaptiveOptions(max_batch_size=most, max_delay_ms=delay, explore_every=2)
    ),
    "dynamic, padded": lambda most, delay, preferred: Dynamic(
        DynamicOptions(max_batch_size=most, max_delay_ms=delay, preferred_batch_sizes=preferred, pad=PAD)
    ),
    "dynamic, grouped": lambda most, delay, preferred: Dynamic(
        DynamicOptions(
            max_batch_size=most,
            max_delay_ms=delay,
            preferred_batch_sizes=preferred,
            group_by=("tenant", "priority", "outputs", "parameters.p"),
        )
    ),
}
SCHEDULERS: dict[str, Callable[[], Scheduler]] = {
    "fifo": lambda: Fifo(Options()),
    "priority": lambda: Priority(PriorityOptions(ageing_s=0.001)),
    "deadline": lambda: Deadline(DeadlineOptions(assumed_s=0.01)),
    "fair": lambda: Fair(FairOptions(weights={"a": 2.0})),
}


def machine_of(policy: str, scheduler: str) -> type[EngineMachine]:
    """The machine with the default policy and scheduler of these names."""

    class Machine(EngineMachine):
        changes = True

        def policy(self, most: int, delay_ms: float, preferred: tuple[int, ...]) -> BatchingPolicy:
            return POLICIES[policy](most, delay_ms, preferred)

        def scheduler(self) -> Scheduler:
            return SCHEDULERS[scheduler]()

    return Machine
