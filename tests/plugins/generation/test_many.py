"""Two thousand requests of all kinds, and a pool that is too small for them."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from jackfield import Options, Scheduler, State, Work
from jackfield.errors import Cancelled, Expired
from jackfield.work import Response
from jackfield_plugins.scheduling.deadline import Deadline, DeadlineOptions
from jackfield_plugins.scheduling.fair import Fair, FairOptions
from jackfield_plugins.scheduling.fifo import Fifo
from jackfield_plugins.scheduling.priority import Priority, PriorityOptions
from tests.plugins.generation.decoders import HashDecoder
from tests.plugins.generation.engine import Engine

REQUESTS = 2000
SCHEDULERS: dict[str, tuple[Scheduler, int]] = {
    "fifo": (Fifo(Options()), REQUESTS),
    "priority": (Priority(PriorityOptions(ageing_s=0.5)), 120),
    "deadline": (Deadline(DeadlineOptions()), 120),
    "fair": (Fair(FairOptions()), 120),
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_nothing_is_lost_kept_or_starved(scheduler: str) -> None:
    order, count = SCHEDULERS[scheduler]
    draw = random.Random(scheduler)
    engine = Engine(HashDecoder(84), order, policy={"max_sequences": 24}, sequences=24)
    simulation = engine.simulation
    asked: list[tuple[Work, list[int], int, int]] = []
    cancelled: set[Work] = set()

    def cancel(work: Work) -> None:
        cancelled.add(work)
        simulation.cancel(work)

    prefixes = [[draw.randrange(97) for _ in range(size)] for size in (16, 48, 100)]
    for number in range(count):
        prompt = draw.choice(prefixes) if draw.random() < 0.3 else []
        prompt = prompt + [draw.randrange(97) for _ in range(draw.choice((1, 5, 20, 60, 200)))]
        tokens, n = draw.choice((1, 8, 40, 120)), draw.choice((1, 1, 1, 1, 2, 3))
        work = engine.submit(
            prompt,
            max_tokens=tokens,
            n=n,
            priority=draw.randrange(9),
            tenant=f"tenant {number % 3}",
            stream=draw.random() < 0.5,
            temperature=draw.choice((0, 1)),
            seed=number,
            timeout=draw.choice((0.05, 0.5, 5.0)) if draw.random() < 0.1 else None,
        )
        asked.append((work, prompt, tokens, n))
        if draw.random() < 0.15:
            simulation.later(draw.expovariate(1.0), lambda work=work: cancel(work))  # type: ignore[misc]
        simulation.advance(draw.expovariate(14))
        places, unused = engine.executor.cache.waste(
            sequence for other in engine.executor._begun for sequence in other.extra.sequences
        )
        assert 0 <= unused <= places <= 84 * 16
    engine.drain()
    states = Counter(work.final for work, *_ in asked)
    assert sum(states.values()) == count
    assert states[State.FAILED] == 0
    assert states[State.COMPLETED] > count / 2
    assert engine.policy.state()["preemptions"] > 0
    for work, _, tokens, n in asked:
        results = engine.heard[work]
        match results[-1]:
            case Response():
                assert [len(engine.tokens(work, index)) for index in range(n)] == [tokens] * n
                assert [engine.finish(work, index) for index in range(n)] == ["length"] * n
            case Cancelled():
                assert work in cancelled
            case Expired():
                assert work.deadline is not None
        assert all(isinstance(result, Response) and not result.final for result in results[:-1])
        assert work.extra.preemptions < 30, "a work was preempted again and again"
    for work, prompt, tokens, n in asked[:: max(count // 60, 1)]:  # and the answers are right
        if work.final is State.COMPLETED:
            alone = Engine(HashDecoder(200), sequences=24)
            p = work.request.parameters
            again = alone.submit(prompt, max_tokens=tokens, n=n, temperature=p["temperature"], seed=p["seed"])
            alone.drain()
            assert [engine.tokens(work, index) for index in range(n)] == [alone.tokens(again, i) for i in range(n)]


def test_the_least_important_is_preempted_and_comes_to_its_end() -> None:
    engine = Engine(HashDecoder(40, 4), policy={"reserve": 0})
    low = engine.submit([1] * 8, max_tokens=60, priority=8)
    order: list[Work] = []
    for number in range(60):
        engine.submit([number % 90, 2, 3], max_tokens=40, priority=1)
        engine.simulation.advance(0.12)
        if low.final is not None and not order:
            order = [work for work in engine.heard if work.final is None]
    assert low.final is State.COMPLETED
    assert order, "the low one only ran when nothing else did"
    assert 1 <= low.extra.preemptions <= 3
    engine.drain()
