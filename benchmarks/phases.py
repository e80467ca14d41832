"""A load that changes: clients that ask again, requests that come at random, and many at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Phase:
    """`clients` that ask as soon as they have their answer, or else requests at moments that do not wait for answers:
    `rate` a second at random, in bursts of `burst` at once."""

    name: str
    clients: int = 0
    rate: float = 0.0
    burst: int = 1

    def moments(self, seconds: float) -> Iterator[float]:
        """When requests are due, from 0 to `seconds`; the same each time."""
        random, moment = Random(3), 0.0
        while (moment := moment + random.expovariate(self.rate / self.burst)) < seconds:
            for _ in range(self.burst):
                yield moment


def phases(capacity: float) -> tuple[Phase, ...]:
    """For a server that answers `capacity` requests a second at best."""
    return (
        Phase("1 client", clients=1),
        Phase("8 clients", clients=8),
        Phase("half the capacity, at random", rate=0.5 * capacity),
        Phase("64 clients", clients=64),
        Phase("bursts of 24, half the capacity", rate=0.5 * capacity, burst=24),
        Phase("0.9 of the capacity, at random", rate=0.9 * capacity),
        Phase("1.5 times the capacity", rate=1.5 * capacity),
    )
