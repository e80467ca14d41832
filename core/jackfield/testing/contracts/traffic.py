"""Everyday traffic of a replica, under a virtual clock: the same in every run, and answered rightly or not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jackfield.errors import Cancelled, ExecutionFailed, Expired
from jackfield.interfaces import BatchingPolicy, Scheduler
from jackfield.testing.making import make_work
from jackfield.testing.scripted import Fault, ScriptedExecutor
from jackfield.testing.simulation import Simulation, Stuck
from jackfield.types import Capabilities
from jackfield.work import Response, Result, Work

_POISON = -7.0
_PATIENCE = 600.0  # virtual seconds after which all is over that will ever be


@dataclass(frozen=True, slots=True)
class Traffic:
    """`clients` ask again as soon as they are answered; without any, requests come `gap` seconds apart on average.

    `rows` is the most of one request, `least` the fewest; `keys` is how many kinds of work there are that cannot share
    a step, of which all but the first are rare. `fits`: most rows that the executor takes; None for no
    limit. Of every hundred requests so many are `cancelled`, `expired` or `failed`.
    """

    name: str
    requests: int = 80
    clients: int = 0
    gap: float = 0.001
    rows: int = 1
    least: int = 1
    keys: int = 1
    lanes: int = 1
    fits: int | None = None
    step: float = 0.002
    per_row: float = 0.0001
    cancelled: int = 0
    expired: int = 0
    failed: int = 0


EVERYDAY: Sequence[Traffic] = (
    Traffic("one client", requests=12, clients=1),
    Traffic("quiet", requests=12, gap=0.05),
    Traffic("busy", gap=0.0004),
    Traffic("many clients", clients=16),
    Traffic("two lanes", clients=16, lanes=2),
    Traffic("a burst", gap=0.0, rows=3),
    Traffic("requests of many sizes", gap=0.001, rows=9, lanes=2),
    Traffic("different keys", clients=12, keys=3, lanes=2),
    Traffic("a rare key", requests=300, clients=8, keys=2),
    Traffic("a small device", gap=0.001, rows=4, fits=4),
    Traffic("requests without rows", clients=6, rows=2, least=0),
    Traffic("a slow device", clients=10, step=0.2, rows=2),
    Traffic("a device that takes no time", clients=6, step=0.0, per_row=0.0),
    Traffic("clients that go", gap=0.0005, cancelled=30, lanes=2),
    Traffic("deadlines", gap=0.0005, expired=50, lanes=2),
    Traffic("a model that fails", clients=8, failed=15, lanes=2),
)
"""What each policy and scheduler is put through."""


class Played:
    """`traffic` as it went with a policy and a scheduler. `faults` says what was wrong with the answers."""

    def __init__(self, traffic: Traffic, policy: BatchingPolicy, scheduler: Scheduler) -> None:
        self.faults: list[str] = []
        self._traffic = traffic
        self._random = random.Random(traffic.name)
        self._answers: Counter[Work] = Counter()
        self._cancelled: set[Work] = set()
        self._most = max(min(traffic.rows, policy.max_rows, traffic.fits or traffic.rows), 1)
        self._asked = 0
        executor = ScriptedExecutor(capabilities=Capabilities(max_rows=traffic.fits), poison={_POISON: Fault.RAISE})
        policy.capabilities = executor.capabilities
        if policy.padding is not None:
            executor.signature, executor.padding = policy.padding.signature, policy.padding
        self.simulation = Simulation(
            policy,
            scheduler,
            executor,
            lanes=traffic.lanes,
            duration=lambda step: traffic.step + traffic.per_row * step.rows,
        )
        self._play()

    def _play(self) -> None:
        traffic, simulation = self._traffic, self.simulation
        moment = 0.0
        for number in range(traffic.clients or traffic.requests):
            if not traffic.clients:
                moment += self._random.expovariate(1 / traffic.gap) if traffic.gap else 0.0
            simulation.later(moment, lambda number=number: self._ask(number))  # type: ignore[misc]
        simulation.advance(moment)
        try:
            simulation.drain(_PATIENCE)
        except Stuck as stuck:
            self.faults.append(str(stuck))
        twice = sum(count > 1 for count in self._answers.values())
        if twice:
            self.faults.append(f"{twice} works were answered more than once")
        if len(simulation.planner.queue):
            self.faults.append(f"{len(simulation.planner.queue)} works are still in the queue at the end")

    def _ask(self, client: int) -> None:
        traffic, draw = self._traffic, self._random
        if self._asked >= traffic.requests:
            return
        self._asked += 1
        chance = draw.randrange(100)
        rows = draw.randint(min(traffic.least, self._most), self._most)
        kind = client % (traffic.keys + 5)  # most clients ask for work of the first key
        work = make_work(
            rows,
            width=1 + kind if kind < traffic.keys else 1,
            value=_POISON if chance < traffic.failed and rows else float(self._asked),
            now=self.simulation.clock.now(),
            timeout=draw.choice((0.001, 0.004, 0.02)) if chance < traffic.expired else None,
            priority=draw.randrange(9),
            tenant=f"tenant {client % 3}",
            sink=lambda work, result: self._answered(client, work, result),
        )
        self.simulation.submit(work)
        if chance < traffic.cancelled:
            self.simulation.later(draw.choice((0.0, 0.0007, 0.003)), lambda: self._cancel(work))

    def _cancel(self, work: Work) -> None:
        self._cancelled.add(work)
        self.simulation.cancel(work)

    def _answered(self, client: int, work: Work, result: Result) -> None:
        self._answers[work] += 1
        if not self._right(work, result):
            self.faults.append(f"a work of {work.rows} rows was answered with {result!r}")
        if self._traffic.clients:
            self.simulation.later(0.0001, lambda: self._ask(client))

    def _right(self, work: Work, result: Result) -> bool:
        x = work.request.inputs["x"]
        poisoned = bool((x == _POISON).any())
        match result:
            case Response():
                return not poisoned and np.array_equal(result.outputs["y"], x * 2 + 1)
            case Cancelled():
                return work in self._cancelled
            case Expired():
                return work.deadline is not None
            case ExecutionFailed():
                return poisoned
        return False
