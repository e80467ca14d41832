"""The policy: what decodes goes on, prompts come in chunks beside it, and blocks are given out in order."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis.stateful import run_state_machine_as_test

from jackfield import BatchingPolicy, Options, Scheduler, Wait, Work
from jackfield.interfaces import Capacity
from jackfield.testing import ContinuingPolicyContract, ScriptedSequences, Simulation, make_work
from jackfield.testing.plain import InOrder
from jackfield_plugins.generation import jackfield_batching_policies
from jackfield_plugins.generation.continuous import Continuous, ContinuousOptions
from jackfield_plugins.scheduling.fair import Fair, FairOptions
from jackfield_plugins.scheduling.fifo import Fifo
from jackfield_plugins.scheduling.priority import Priority, PriorityOptions
from tests.core.engine.sequence_machine import SequenceMachine
from tests.core.engine.test_conservation import THOROUGH
from tests.plugins.generation.decoders import HashDecoder
from tests.plugins.generation.engine import Engine


def test_it_has_a_name() -> None:
    assert jackfield_batching_policies() == {"continuous": Continuous}
    assert Continuous.continues


@pytest.mark.parametrize("scheduler", ["fifo", "priority", "fair"])
@pytest.mark.parametrize("chunk", [2, 512])
def test_conservation(chunk: int, scheduler: str) -> None:
    class Machine(SequenceMachine):
        def policy(self, most: int) -> BatchingPolicy:
            options = ContinuousOptions(max_sequences=most, max_prefill_tokens=chunk, min_prefill_tokens=1, reserve=0)
            return Continuous(options)

        def scheduler(self) -> Scheduler:
            if scheduler == "fifo":
                return Fifo(Options())
            return Fair(FairOptions()) if scheduler == "fair" else Priority(PriorityOptions(ageing_s=0.001))

    run_state_machine_as_test(Machine, settings=THOROUGH)


def _gaps(engine: Engine, streams: Sequence[Work], since: float, until: float) -> list[float]:
    gaps: list[float] = []
    for work in streams:
        times = [moment for moment in engine.times[work] if since <= moment <= until]
        gaps += np.diff(times).tolist()
    return gaps


@pytest.mark.parametrize("row", [0.0005, 0.002])
def test_a_long_prompt_beside_eight_streams_costs_them_less_than_three_times(row: float) -> None:
    """Steps as on a processor: 20 ms for those that decode, and so much for each token of a prompt."""
    engine = Engine(HashDecoder(600), decoding=0.02, row=row)
    streams: list[Work] = []
    for number in range(8):
        streams.append(engine.submit([number, 1, 2], max_tokens=900, stream=True))
        engine.simulation.advance(0.033)
    engine.simulation.advance(2.0)
    quiet = _gaps(engine, streams, 1.0, 2.2)
    start = engine.simulation.clock.now()
    long = engine.submit([n % 97 for n in range(4000)], max_tokens=5, stream=True)
    while not engine.times[long]:
        engine.simulation.advance(0.1)
    busy = _gaps(engine, streams, start, engine.times[long][0])
    assert len(busy) > 200
    assert np.percentile(busy, 99) < 3 * np.percentile(quiet, 99)
    spent = engine.times[long][0] - start
    assert spent < 4 * 4000 * row, "the prompt is starved"
    engine.drain()


def test_streams_that_began_at_different_times_are_steady() -> None:
    engine = Engine(HashDecoder(600), decoding=0.02, row=0.001)
    streams: list[Work] = []
    for number in range(8):
        streams.append(engine.submit([number] * 128, max_tokens=400, stream=True))
        engine.simulation.advance(0.31)
    gaps = _gaps(engine, streams, 0.0, 6.0)
    assert np.percentile(gaps, 99) < 1.5 * np.percentile(gaps, 50)
    engine.drain()


def test_short_prompts_do_not_wait_for_a_long_one_to_end() -> None:
    """And the long one comes to its end while there is always a short one."""
    engine = Engine(HashDecoder(900), decoding=0.02, row=0.001)
    streams = [engine.submit([number, 1, 2], max_tokens=900, stream=True) for number in range(8)]
    engine.simulation.advance(1.0)
    long = engine.submit([n % 97 for n in range(4000)], max_tokens=5, stream=True)
    waits: list[float] = []
    while not engine.times[long]:
        start = engine.simulation.clock.now()
        short = engine.submit([len(waits) % 97] * 32, max_tokens=1, stream=True)
        while not engine.times[short]:
            engine.simulation.advance(0.05)
        waits.append(engine.times[short][0] - start)
        engine.simulation.advance(0.3)
    assert len(waits) > 20
    assert max(waits) < 1.0
    assert engine.times[long][0] < 8 * 4000 * 0.001
    gaps = _gaps(engine, streams, 1.0, engine.times[long][0])
    assert np.percentile(gaps, 99) < 1.6 * np.percentile(gaps, 1)
    engine.drain()


def test_many_prompts_go_before_few_that_decode() -> None:
    engine = Engine(HashDecoder(600), decoding=0.02, row=0.002)
    works = [engine.submit([number] * 128, max_tokens=64, stream=True) for number in range(32)]
    engine.drain()
    last = max(engine.times[work][0] for work in works)
    assert last < 1.5 * 32 * 128 * 0.002, "prefill waits for decoding"


def test_little_is_wasted_under_a_mixed_load() -> None:
    """Blocks of 16; prompts of 5 to 600 tokens, answers of 16 to 256."""
    draw = random.Random(3)
    engine = Engine(HashDecoder(900))
    shares: list[float] = []
    for number in range(120):
        engine.submit(
            [draw.randrange(97) for _ in range(draw.choice((5, 40, 150, 300, 600)))],
            max_tokens=draw.choice((16, 64, 256)),
            n=2 if number % 10 == 0 else 1,
        )
        engine.simulation.advance(draw.expovariate(4))
        state = engine.executor.state()
        if state["blocks_held"] > 50:
            shares.append(state["waste"])
    engine.drain()
    assert len(shares) > 60
    assert np.mean(shares) < 0.04
    assert engine.executor.state()["waste"] == 0


def test_nothing_overtakes_what_the_scheduler_offers_first() -> None:
    engine = Engine(HashDecoder(20, 16), policy={"reserve": 0})
    engine.submit([1] * 100, max_tokens=100)
    engine.simulation.advance(0.2)
    large, small = engine.submit([2] * 250, max_tokens=10), engine.submit([3], max_tokens=2)
    engine.drain()
    assert engine.times[large][0] <= engine.times[small][0] + 0.2
    first = {work: number for number, step in reversed(list(enumerate(engine.simulation.steps))) for work in step.work}
    assert first[large] <= first[small]


def test_the_reserve_is_left_to_those_that_run() -> None:
    for reserve, preempted in ((0.0, True), (0.6, False)):
        engine = Engine(HashDecoder(20, 4), policy={"reserve": reserve})
        for number in range(4):
            engine.submit([number] * 12, max_tokens=20)
        engine.drain()
        assert (engine.policy.state()["preemptions"] > 0) == preempted


def test_a_high_priority_keeps_its_blocks() -> None:
    engine = Engine(HashDecoder(30, 4), policy={"reserve": 0})
    low = [engine.submit([number] * 8, max_tokens=40, priority=5) for number in range(3)]
    engine.simulation.advance(0.05)
    high = engine.submit([9] * 8, max_tokens=40, priority=1)
    engine.drain()
    assert high.extra.preemptions == 0
    assert sum(work.extra.preemptions for work in low) > 0
    assert engine.times[high][0] < max(engine.times[work][0] for work in low)


def test_it_waits_while_the_device_is_busy_and_when_there_is_nothing() -> None:
    policy = Continuous(ContinuousOptions())
    simulation = Simulation(policy, InOrder(Options()), ScriptedSequences())
    assert policy.plan(simulation.planner.queue, (), Capacity(4, busy=True, blocks=4), 0.0) == Wait()
    assert policy.plan(simulation.planner.queue, (), Capacity(4, blocks=4), 0.0) == Wait()


def test_sequences_that_share_a_step_are_limited() -> None:
    executor = ScriptedSequences(1000, most=100)
    policy = Continuous(ContinuousOptions(max_sequences=5))
    simulation = Simulation(policy, InOrder(Options()), executor)
    for _ in range(20):
        simulation.submit(make_work(parameters={"tokens": 4}))
    simulation.drain()
    assert max(len(step.work) for step in simulation.steps) == 5
    assert (policy.state()["running"], policy.state()["paused"]) == (0, 0)
    assert policy.max_rows == 5


class TestContract(ContinuingPolicyContract):
    def policy(self) -> Continuous:
        return Continuous(ContinuousOptions())


class TestContractWithSmallChunks(ContinuingPolicyContract):
    def policy(self) -> Continuous:
        return Continuous(ContinuousOptions(max_prefill_tokens=3, min_prefill_tokens=1, reserve=0))
