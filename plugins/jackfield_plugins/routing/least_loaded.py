"""Router `least-loaded`: the replica that has the least to do.

Over many replicas the better of two that are drawn, as in "The Power of Two Choices in Randomized Load Balancing"
(Mitzenmacher, 2001): the load is nearly as even, and a choice costs the same however many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from pydantic import Field

from jackfield import Candidate, Options, Request, Router


class LeastLoadedOptions(Options):
    """Options of the router `least-loaded`."""

    compare_all: int = Field(default=4, ge=1, le=1024)
    """Up to so many replicas all are compared; beyond, two that are drawn."""
    seed: int = 0
    """Where the draws begin: the same seed draws the same."""


class LeastLoaded(Router):
    """By the cost of what each has yet to answer: tokens for text generation, bytes of inputs otherwise. Ties go to the
    first, so that few replicas stay warm under low load."""

    options = LeastLoadedOptions
    settings: LeastLoadedOptions

    def __init__(self, options: LeastLoadedOptions) -> None:
        super().__init__(options)
        self._most = options.compare_all
        self._draw = Random(options.seed).random

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        """The index of the least loaded."""
        count = len(replicas)
        if count <= self._most:
            return min(range(count), key=lambda index: replicas[index].cost)
        one = int(self._draw() * count)
        other = int(self._draw() * (count - 1))
        other += other >= one
        return min(sorted((one, other)), key=lambda index: replicas[index].cost)
