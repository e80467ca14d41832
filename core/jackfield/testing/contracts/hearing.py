"""Requests of many steps on a simulation, with all that they are told; and steps that fail on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jackfield.interfaces import Capacity, SequenceExecutor
from jackfield.testing.simulation import Simulation
from jackfield.work import Outcome, Request, Result, Step, Work


class Heard:
    """A request as work that arrived at `now`, and its results in order."""

    def __init__(self, request: Request, now: float = 0.0) -> None:
        self.results: list[Result] = []
        size = sum(array.nbytes for array in request.inputs.values())
        deadline = None if request.timeout is None else now + request.timeout
        self.work = Work(request, 1, size, (), now, deadline, self._hear)

    def _hear(self, work: Work, result: Result) -> None:
        self.results.append(result)


def ask(simulation: Simulation, request: Request) -> Heard:
    """Submit `request`."""
    heard = Heard(request, simulation.clock.now())
    simulation.submit(heard.work)
    return heard


class Breaking(SequenceExecutor):
    """Another executor, of whose steps with several works every third fails: after `prepare`, or in `execute` for want
    of what `prepare` gave. `broken` counts them."""

    def __init__(self, executor: SequenceExecutor) -> None:
        self.signature = executor.signature
        self.broken = 0
        self._executor = executor
        self._several = 0

    def accept(self, work: Work) -> None:
        """As the other."""
        self._executor.accept(work)

    def release(self, work: Work) -> None:
        """As the other."""
        self._executor.release(work)

    def capacity(self) -> Capacity:
        """As the other."""
        return self._executor.capacity()

    def state(self) -> Mapping[str, float]:
        """As the other."""
        return self._executor.state()

    def prepare(self, step: Step) -> Any:
        """As the other, or what is no use to it."""
        payload = self._executor.prepare(step)
        self._several += len(step.work) > 1
        if len(step.work) > 1 and self._several % 3 == 1:
            self.broken += 1
            if self.broken % 2:
                raise RuntimeError("this step is made to fail")
            return object()
        return payload

    def execute(self, step: Step) -> Outcome:
        """As the other."""
        return self._executor.execute(step)
