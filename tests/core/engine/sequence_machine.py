"""A state machine that does to work of many steps whatever can happen to it, with too few blocks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jackfield.errors import Cancelled, ExecutionFailed, Expired, Unavailable
from jackfield.interfaces import BatchingPolicy, Scheduler
from jackfield.options import Options
from jackfield.testing import Fault, InOrder, ScriptedSequences, Simulation, Stepwise, VirtualClock, make_work
from jackfield.work import Response, Result, State, Step, Work

POISON = -1.0
FAULTS = (Fault.RAISE, Fault.EXIT, Fault.MEMORY)


class SequenceMachine(RuleBasedStateMachine):
    """Arrivals, cancellations, time and faults, in any order. Subclasses say which policy and scheduler."""

    def policy(self, most: int) -> BatchingPolicy:
        """The batching policy."""
        return Stepwise(Options())

    def scheduler(self) -> Scheduler:
        """The scheduler."""
        return InOrder(Options())

    def tamper(self) -> None:
        """Where a test puts a bug in."""

    @initialize(blocks=st.integers(4, 12), most=st.integers(1, 6), lanes=st.sampled_from([1, 1, 2]))
    def start(self, blocks: int, most: int, lanes: int) -> None:
        """A replica, which is begun anew when it has died."""
        self.heard: dict[Work, list[Result]] = defaultdict(list)
        self.cancelled: set[Work] = set()
        self.excused: set[Work] = set()
        self.serial = 0
        self.most = most

        def begin() -> None:
            self.executor = ScriptedSequences(blocks, most=most, poison={POISON: Fault.RAISE})
            self.simulation = Simulation(
                self.policy(most),
                self.scheduler(),
                self.executor,
                lanes=lanes,
                clock=VirtualClock(),
                duration=_duration,
            )
            self.tamper()

        self.begin: Callable[[], None] = begin
        begin()

    @rule(
        prompt=st.integers(1, 9),
        tokens=st.integers(1, 6),
        stream=st.booleans(),
        priority=st.integers(0, 9),
        timeout=st.sampled_from([None, None, None, 0.0, 0.002, 0.02]),
        poisoned=st.booleans(),
    )
    def arrive(
        self, prompt: int, tokens: int, stream: bool, priority: int, timeout: float | None, poisoned: bool
    ) -> None:
        """A request is accepted."""
        self.serial += 1
        work = make_work(
            1,
            width=1,
            value=POISON if poisoned and self.serial % 4 == 0 else float(self.serial),
            now=self.simulation.clock.now(),
            timeout=timeout,
            priority=priority,
            stream=stream,
            parameters={"prompt": prompt, "tokens": tokens},
            sink=lambda work, result: self.heard[work].append(result),
        )
        if self.executor.always or self.executor.script:
            self.excused.add(work)
        self.simulation.submit(work)

    @precondition(lambda self: self.simulation.outstanding)
    @rule(index=st.integers(0, 99))
    def cancel(self, index: int) -> None:
        """A client goes, wherever its request is."""
        self._cancel([work for work in self.simulation.accepted if work.final is None], index)

    @precondition(lambda self: any(work.running and work.final is None for work in self.simulation.accepted))
    @rule(index=st.integers(0, 99))
    def cancel_running(self, index: int) -> None:
        """A client goes that was told a part of its answer."""
        self._cancel([work for work in self.simulation.accepted if work.running and work.final is None], index)

    @rule(seconds=st.sampled_from([0.0, 0.0005, 0.001, 0.003, 0.02]))
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

    @rule(policy=st.booleans(), scheduler=st.booleans())
    def change(self, policy: bool, scheduler: bool) -> None:
        """Other options, while work waits and runs."""
        self.simulation.reconfigure(self.policy(self.most) if policy else None, self.scheduler() if scheduler else None)

    @precondition(lambda self: self.serial % 5 == 4)
    @rule()
    def die(self) -> None:
        """The worker is gone at its next run; another replica takes over."""
        self.executor.script.appendleft(Fault.UNAVAILABLE)
        self.arrive(1, 1, False, 0, None, False)
        self.simulation.drain(60)
        assert not self.simulation.alive
        self.check()
        self.begin()

    @invariant()
    def check(self) -> None:
        """What always holds."""
        simulation = self.simulation
        final = (State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED)
        assert len(simulation.accepted) == sum(simulation.counts[state] for state in final) + simulation.outstanding
        for work in simulation.accepted:
            self._check_answer(work)
        assert not self.executor.overdrawn, "work ran without blocks"
        if simulation.alive:
            begun = simulation.planner.running
            held = sum(work.extra.blocks for work in begun)
            assert held + self.executor.free == self.executor.blocks, "blocks were lost"
            if simulation.idle and simulation.asks_again is None and not simulation._withdrawn:
                assert not any(work.final for work in begun), "work holds on that is over"

    def teardown(self) -> None:
        """In the end all is answered, and every block is free."""
        if not hasattr(self, "simulation"):
            return
        self._excuse()
        self.executor.always = None
        self.simulation.drain(60)
        self.simulation.advance(0.1)
        self.check()
        assert self.simulation.outstanding == 0
        if self.simulation.alive:
            assert self.simulation.planner.running == []
            assert self.executor.free == self.executor.blocks

    def _cancel(self, works: list[Work], index: int) -> None:
        work = works[index % len(works)]
        self.cancelled.add(work)
        self.simulation.cancel(work)

    def _excuse(self) -> None:
        self.excused.update(work for work in self.simulation.accepted if work.final is None)

    def _check_answer(self, work: Work) -> None:
        heard = self.heard[work]
        pieces = [one.outputs["y"] for one in heard if isinstance(one, Response)]
        got = [float(number) for piece in pieces for number in piece.ravel()]
        tokens = work.request.parameters["tokens"]
        base = float(work.request.inputs["x"].sum())
        assert got == [base + number for number in range(len(got))], "a wrong answer"
        ends = [one for one in heard if not isinstance(one, Response) or one.final]
        assert ends == heard[-1:] if work.final else ends == [], "not just once"
        match heard[-1] if work.final else None:
            case None:
                assert work.final is None
                assert work.request.stream or not heard
            case Response():
                assert base != POISON
                assert len(got) == tokens, "an answer is not whole"
            case Expired():
                assert work.deadline is not None
                assert work.deadline <= self.simulation.clock.now()
            case Cancelled():
                assert work in self.cancelled
            case ExecutionFailed():
                assert base == POISON or work in self.excused
            case Unavailable():
                assert not self.simulation.alive
            case other:
                raise AssertionError(f"answered with {other!r}")


def _duration(step: Step) -> float:
    return 0.0005 + 0.0001 * len(step.work)
