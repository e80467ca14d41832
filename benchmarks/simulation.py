"""A million requests through the engine under a virtual clock: python -m benchmarks.simulation

Each batching policy with each scheduler: requests arrive at random and in bursts, some are cancelled, some have
deadlines, some make every step that they share fail, and now and then a step fails for no reason of theirs. Every
request must be answered once, and rightly: y = 2x + 1 of its own x, whoever its neighbours were.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
import time
from collections import Counter
from random import Random

import numpy as np
import structlog

from benchmarks.machine import described
from jackfield import State, Work
from jackfield.errors import Cancelled, ExecutionFailed, Expired
from jackfield.plugins.registry import Registry
from jackfield.testing import Fault, ScriptedExecutor, Simulation, make_work
from jackfield.work import Response, Result

POLICIES = ("dynamic", "adaptive", "none")
SCHEDULERS = ("fifo", "priority", "deadline", "fair")
_POISON = {-1.0: Fault.RAISE, -2.0: Fault.FEW_ROWS, -3.0: Fault.MEMORY, -4.0: Fault.WRONG_SHAPE}
_STATES = (State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED)


class Run:
    """`count` requests with one policy and one scheduler. `wrong` says what should not have been."""

    def __init__(self, policy: str, scheduler: str, count: int, registry: Registry) -> None:
        self.wrong: list[str] = []
        self.transient = 0
        self._random = Random(f"{policy} {scheduler}")
        self._answers: Counter[Work] = Counter()
        self._unlucky = 0
        self._left = count
        self._executor = ScriptedExecutor(poison=_POISON)
        batching, order = registry.get("batching", policy), registry.get("scheduler", scheduler)
        self.simulation = Simulation(
            batching(batching.options()),
            order(order.options()),
            self._executor,
            lanes=2,
            duration=lambda step: 0.0005 + 0.00005 * step.rows,
        )
        self._each = 0.0009 if policy == "none" else 0.00025  # virtual seconds: about what the policy can carry

    def play(self) -> None:
        """Let it all happen. The simulation lets go of nothing, so that all can be looked at afterwards."""
        self.simulation.later(0.0, self._arrive)
        while self._left:
            self.simulation.advance(1.0)
            self._executor.runs.clear()
        self.simulation.drain()
        counts = self.simulation.counts
        if sum(counts.values()) != len(self.simulation.accepted):
            self.wrong.append(f"{len(self.simulation.accepted)} were accepted, {sum(counts.values())} are over")
        if any(self._answers[work] != 1 for work in self.simulation.accepted):
            self.wrong.append("some were not answered exactly once")
        if self._unlucky > self.transient:
            self.wrong.append(f"{self._unlucky} failed without fault, and only {self.transient} steps failed by chance")

    def _arrive(self) -> None:
        random = self._random
        burst = min(random.choice((1, 1, 1, 1, 1, 1, 1, 20)), self._left)
        for _ in range(burst):
            self._ask()
        self._left -= burst
        if self._left:
            self.simulation.later(random.expovariate(1 / (self._each * burst)), self._arrive)

    def _ask(self) -> None:
        random = self._random
        chance = random.random()
        value = random.choice(tuple(_POISON)) if chance < 0.002 else float(random.randrange(1, 10_000))
        work = self.simulation.submit(
            make_work(
                random.choice((1, 1, 1, 2, 4)),
                width=random.choice((2, 2, 2, 3)),
                value=value,
                now=self.simulation.clock.now(),
                timeout=random.choice((0.001, 0.01, 0.1)) if random.random() < 0.2 else None,
                priority=random.randrange(9),
                tenant=f"tenant {random.randrange(5)}",
                sink=self._answered,
            )
        )
        if random.random() < 0.05:
            self.simulation.later(random.choice((0.0, 0.0005, 0.005)), lambda: self.simulation.cancel(work))
        if random.random() < 0.0005:
            self._executor.script.append(random.choice((Fault.RAISE, Fault.MEMORY, Fault.NO_OUTPUT)))
            self.transient += 1

    def _answered(self, work: Work, result: Result) -> None:
        self._answers[work] += 1
        x = work.request.inputs["x"]
        poisoned = float(x[0, 0]) in _POISON
        match result:
            case Response():
                right = not poisoned and np.array_equal(result.outputs["y"], x * 2 + 1)
            case ExecutionFailed():
                self._unlucky += not poisoned
                right = True
            case Cancelled():
                right = work.final is State.CANCELLED
            case Expired():
                right = work.deadline is not None and self.simulation.clock.now() > work.deadline - 1.0
            case _:
                right = False
        if not right:
            self.wrong.append(f"a request of {float(x[0, 0])} was answered with {result!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000, help="in all")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # faults are wanted here
    print(described("numpy"))
    registry = Registry.installed()
    pairs = list(itertools.product(POLICIES, SCHEDULERS))
    each = -(-arguments.requests // len(pairs))
    heads = ("accepted", *_STATES, "steps", "virtual s", "req/s")
    print(f"{'':20}" + "".join(f"{head:>11}" for head in heads))
    total, spent, wrong = 0, 0.0, []
    for policy, scheduler in pairs:
        run = Run(policy, scheduler, each, registry)
        began = time.perf_counter()
        run.play()
        took = time.perf_counter() - began
        simulation = run.simulation
        accepted, counts = len(simulation.accepted), simulation.counts
        numbers = [accepted, *(counts[state] for state in _STATES), len(simulation.steps)]
        shown = "".join(f"{number:11}" for number in numbers)
        print(f"{policy + ', ' + scheduler:20}{shown}{simulation.clock.now():11.1f}{accepted / took:11.0f}", flush=True)
        wrong += [f"{policy}, {scheduler}: {text}" for text in run.wrong]
        total, spent = total + accepted, spent + took
    print(f"{total} requests in {spent:.0f} s: {total / spent:.0f} a second; {len(wrong)} wrong")
    for text in wrong[:10]:
        print(text)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
