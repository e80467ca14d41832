"""Clients that ask, think and ask again, under the virtual clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from jackfield import BatchingPolicy, Options, Step
from jackfield.testing import Simulation, make_work
from jackfield_plugins.scheduling.fifo import Fifo


class Clients:
    """`number` clients of `rows` rows each, that think `think` seconds, give or take `jitter`."""

    def __init__(
        self,
        policy: BatchingPolicy,
        number: int,
        *,
        rows: int = 1,
        think: float = 0.0003,
        jitter: float = 0.0002,
        lanes: int = 1,
        duration: Callable[[Step], float] = lambda step: 0.004,
        widths: Sequence[int] = (2,),
    ) -> None:
        self.simulation = Simulation(policy, Fifo(Options()), lanes=lanes, duration=duration)
        self._rows, self._think, self._jitter, self._widths = rows, think, jitter, widths
        self._random = random.Random(1)
        self._left = number
        for client in range(number):
            self.simulation.later(self._random.random() * 0.001, lambda client=client: self._ask(client))  # type: ignore[misc]

    def run(self, seconds: float) -> list[int]:
        """Let them go on for a while; returns the numbers of rows of the steps that were planned meanwhile."""
        before = len(self.simulation.steps)
        self.simulation.advance(seconds)
        return [sum(work.rows for work in step.work) for step in self.simulation.steps[before:]]

    def delays(self) -> list[float]:
        """How long each step's oldest work had waited when the step began."""
        return [
            step.started - min(work.arrival for work in step.work) for step in self.simulation.steps if step.started
        ]

    def leave(self, number: int) -> None:
        """Only `number` of them go on."""
        self._left = number

    def _ask(self, client: int) -> None:
        if client >= self._left:
            return
        simulation = self.simulation
        pause = self._think + self._random.random() * self._jitter
        simulation.submit(
            make_work(
                self._rows,
                width=self._widths[client % len(self._widths)],
                now=simulation.clock.now(),
                sink=lambda work, result: simulation.later(pause, lambda: self._ask(client)),
            )
        )
