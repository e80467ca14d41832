"""The load that changes, over the engine alone under a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.phases import Phase, phases
from jackfield import Options, State, Step
from jackfield.plugins.registry import Registry
from jackfield.testing import Simulation, make_work


@dataclass(frozen=True, slots=True)
class Device:
    """`seconds` that a step takes; `capacity`: requests a second at the best size."""

    seconds: Callable[[Step], float]
    capacity: float


def _minilm(step: Step) -> float:
    return 0.0014 + (0.0035 if step.rows <= 16 else 0.0037) * step.rows


def _device(step: Step) -> float:
    return 0.010 + 0.0005 * step.rows


STEPS = {"minilm": Device(_minilm, 275), "device": Device(_device, 1200)}
"""MiniLM on two cores, which does hardly more in batches; a device that does twelve times as much in steps of 32."""


def simulated(device: str, policies: Mapping[str, Any], seconds: float, target: float) -> dict[str, list[int]]:
    """Requests answered within `target` seconds by policy, over the phases, of `seconds` each."""
    registry = Registry.installed()
    found = {}
    for name, section in policies.items():
        cls = registry.get("batching", section["policy"])
        policy = cls(cls.options(**{key: value for key, value in section.items() if key != "policy"}))
        fifo = registry.get("scheduler", "fifo")
        simulation = Simulation(policy, fifo(Options()), lanes=2, duration=STEPS[device].seconds)
        load = _Load(simulation, target)
        found[name] = [load.run(phase, seconds) for phase in phases(STEPS[device].capacity)]
    return found


class _Load:
    def __init__(self, simulation: Simulation, target: float) -> None:
        self._simulation, self._target = simulation, target
        self._random = Random(1)

    def run(self, phase: Phase, seconds: float) -> int:
        """One phase, and as long as it takes until everything is answered; how many requests were in time."""
        simulation = self._simulation
        end, before = simulation.clock.now() + seconds, len(simulation.accepted)

        def client() -> None:
            if simulation.clock.now() < end:
                ask(lambda: simulation.later(0.0003 + self._random.random() * 0.0002, client))

        def ask(answered: Callable[[], None] = lambda: None) -> None:
            now = simulation.clock.now()
            simulation.submit(make_work(now=now, timeout=self._target, sink=lambda work, result: answered()))

        for _ in range(phase.clients):
            simulation.later(self._random.random() * 0.001, client)
        if not phase.clients:
            for moment in phase.moments(seconds):
                simulation.later(moment, ask)
        simulation.advance(seconds)
        simulation.drain()
        asked = simulation.accepted[before:]
        return sum(work.final is State.COMPLETED and work.finished - work.arrival <= self._target for work in asked)
