"""Figures of all servers, points and rounds, and the ratios within a round."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.generation.points import Figures, percentile

Of = Callable[[Figures], float]


def rate(one: Figures) -> float:
    """Tokens a second."""
    return one.rate


def first(percent: float) -> Of:
    """Milliseconds to the first text."""
    return lambda one: percentile(one.first, percent)


def gap(percent: float) -> Of:
    """Milliseconds between one text and the next."""
    return lambda one: percentile(one.gaps, percent)


@dataclass(slots=True)
class Results:
    """`by`: figures of each round, by point and server. `limits`: the fp32 roofline of each round, by connections."""

    by: dict[tuple[str, str], list[Figures]] = field(default_factory=lambda: defaultdict(list))
    limits: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))

    def servers(self, point: str) -> list[str]:
        """Those with figures, in the order of their turns."""
        return [server for at, server in self.by if at == point]

    def median(self, point: str, server: str, of: Of) -> float:
        """Over the rounds."""
        return statistics.median(of(one) for one in self.by[point, server])

    def ratios(self, point: str, ours: str, other: str, of: Of = rate) -> list[float]:
        """Of ours to the other, in each round."""
        pairs = zip(self.by[point, ours], self.by[point, other], strict=True)
        return [of(mine) / of(its) for mine, its in pairs]

    def same(self, point: str, server: str, reference: str) -> tuple[int, int]:
        """How many whole answers are letter for letter those of `reference`, of how many that both gave."""
        equal = count = 0
        for mine, its in zip(self.by[point, server], self.by[point, reference], strict=True):
            both = mine.texts.keys() & its.texts.keys()
            count += len(both)
            equal += sum(mine.texts[number] == its.texts[number] for number in both)
        return equal, count
