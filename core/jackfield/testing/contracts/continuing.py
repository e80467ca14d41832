"""What every batching policy of work of many steps keeps to."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

from jackfield.interfaces import BatchingPolicy, Capacity, Waiting
from jackfield.options import Options
from jackfield.testing.contracts.watching import time_is_passed_in
from jackfield.testing.making import make_work
from jackfield.testing.plain import InOrder
from jackfield.testing.scripted import Fault
from jackfield.testing.sequences import ScriptedSequence, ScriptedSequences
from jackfield.testing.simulation import Simulation, Stuck
from jackfield.work import Response, State, Step, Wait, Work

_POISON = -7.0
_PATIENCE = 10.0  # virtual seconds after which all is over that will ever be


class ContinuingPolicyContract(ABC):
    """Subclass it with a name that begins with `Test`, say by `policy` what is to be tested, and run pytest. The works
    are those of `ScriptedSequences`; what the policy knows of them is `Progress`, and nothing else.

    `most_preempted`: how often one work may be preempted before it is answered.
    """

    most_preempted: ClassVar[int] = 20

    @abstractmethod
    def policy(self) -> BatchingPolicy:
        """A new policy, made with options as the configuration would."""

    def test_it_says_that_it_continues_work(self) -> None:
        """Otherwise it would not be used for it."""
        assert self.policy().continues, "`continues` is False"

    def test_every_request_is_answered_whole_and_rightly(self) -> None:
        """Whatever the pool holds, and whatever is cancelled or fails meanwhile."""
        for blocks in (8, 20, 1000):
            simulation = self._played(blocks)
            for work in simulation.accepted:
                answer = simulation.answers.get(work)
                if work.final is State.COMPLETED:
                    assert isinstance(answer, Response)
                    base, tokens = float(work.request.inputs["x"].sum()), work.request.parameters["tokens"]
                    expected = [base + number for number in range(tokens)]
                    assert answer.outputs["y"].ravel().tolist() == expected, f"with {blocks} blocks: a wrong answer"
            faults = [w for w in simulation.accepted if w.final is State.FAILED and not _poisoned(w)]
            assert not faults, f"with {blocks} blocks: {len(faults)} works failed that had no reason to"

    def test_nothing_runs_without_blocks_and_all_come_back(self) -> None:
        """What is planned was reserved, and what is over holds nothing."""
        for blocks in (8, 20, 1000):
            executor = ScriptedSequences(blocks, poison={_POISON: Fault.RAISE})
            self._played(blocks, executor)
            assert not executor.overdrawn, f"with {blocks} blocks: work was planned that `reserve` had no blocks for"
            assert executor.free == blocks, f"with {blocks} blocks: {blocks - executor.free} are held in the end"

    def test_nobody_is_preempted_for_ever(self) -> None:
        """Each work comes to its end while others keep coming."""
        for blocks in (8, 20):
            sequences: list[ScriptedSequence] = [work.extra for work in self._played(blocks).accepted]
            most = max(sequence.preemptions for sequence in sequences)
            assert most <= self.most_preempted, (
                f"with {blocks} blocks: a work was preempted {most} times, and {self.most_preempted} are the most "
                "(`most_preempted`)"
            )

    def test_work_begins_in_the_order_of_the_scheduler(self) -> None:
        """Of works that are alike, the one that is offered first begins first."""
        simulation = Simulation(self.policy(), _Backwards(Options()), ScriptedSequences(12))
        works = [simulation.submit(make_work(parameters={"prompt": 6, "tokens": 4})) for _ in range(12)]
        _drain(simulation)
        began = {work: number for number, step in reversed(list(enumerate(simulation.steps))) for work in step.work}
        order = [began[work] for work in reversed(works)]
        assert order == sorted(order), "a work began before one like it that was offered first"

    def test_what_decodes_is_not_kept_waiting_by_what_comes(self) -> None:
        """With blocks enough, it takes part in every step."""
        simulation = Simulation(self.policy(), InOrder(Options()), ScriptedSequences(1000))
        first = simulation.submit(make_work(parameters={"tokens": 40}))
        for _ in range(12):
            simulation.advance(0.003)
            simulation.submit(make_work(parameters={"prompt": 50, "tokens": 2}))
        _drain(simulation)
        took = [first in step.work for step in simulation.steps]
        assert all(took[took.index(True) :][:40]), "a work that decodes was left out of a step"

    def test_no_clock_is_read_and_nothing_raised(self) -> None:
        """`plan` and `observe` use what they are given."""
        policy = _Guarded(self.policy())
        for blocks in (8, 1000):
            self._played(blocks, policy=policy)
        assert not policy.raised, f"{policy.raised[0]}"

    def test_nothing_is_planned_beside_a_busy_device_twice(self) -> None:
        """Asked while a step runs, it plans nothing that is in it."""
        executor = ScriptedSequences()
        simulation = Simulation(self.policy(), InOrder(Options()), executor, lanes=2)
        works: list[Work] = []
        for _ in range(5):
            works.append(simulation.submit(make_work(parameters={"tokens": 6})))
            simulation.advance(0.0004)
        _drain(simulation)
        assert all(work.final is State.COMPLETED for work in works), "work failed where two lanes planned"

    def _played(
        self, blocks: int, executor: ScriptedSequences | None = None, policy: BatchingPolicy | None = None
    ) -> Simulation:
        draw = random.Random(blocks)
        if executor is None:
            executor = ScriptedSequences(blocks, poison={_POISON: Fault.RAISE})
        simulation = Simulation(policy if policy is not None else self.policy(), InOrder(Options()), executor)
        for number in range(80):
            work = simulation.submit(
                make_work(
                    value=_POISON if number % 13 == 5 else float(number),
                    now=simulation.clock.now(),
                    timeout=0.02 if number % 17 == 3 else None,
                    priority=draw.randrange(9),
                    parameters={"prompt": draw.choice((1, 3, 9, 20)), "tokens": draw.choice((1, 2, 8, 12))},
                )
            )
            if number % 7 == 2:
                simulation.later(draw.uniform(0, 0.03), lambda work=work: simulation.cancel(work))  # type: ignore[misc]
            simulation.advance(draw.expovariate(400))
        _drain(simulation)
        simulation.advance(0.1)
        return simulation


def _drain(simulation: Simulation) -> None:
    try:
        simulation.drain(_PATIENCE)
    except Stuck as stuck:
        raise AssertionError(str(stuck)) from None


def _poisoned(work: Work) -> bool:
    return bool((work.request.inputs["x"] == _POISON).any())


class _Guarded(BatchingPolicy):
    """Another policy, which must not read a clock nor raise."""

    continues = True

    def __init__(self, policy: BatchingPolicy) -> None:
        super().__init__(policy.settings)
        self.raised: list[str] = []
        self._policy = policy

    @property
    def max_rows(self) -> int:
        """As the other."""
        return self._policy.max_rows

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        """As the other."""
        try:
            with time_is_passed_in():
                return self._policy.plan(waiting, running, capacity, now)
        except Exception as error:
            self.raised.append(f"plan raised {type(error).__name__}: {error}")
            raise

    def observe(self, step: Step, now: float) -> None:
        """As the other."""
        try:
            with time_is_passed_in():
                self._policy.observe(step, now)
        except Exception as error:
            self.raised.append(f"observe raised {type(error).__name__}: {error}")


class _Backwards(InOrder):
    """The newest first."""

    def offer(self, now: float) -> Iterator[Work]:
        """All work, newest first."""
        return reversed(self._waiting)
