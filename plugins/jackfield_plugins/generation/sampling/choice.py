"""How one sequence's tokens are chosen."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from typing import Any

from jackfield import Array
from jackfield_plugins.generation.parameters import Parameters
from jackfield_plugins.generation.sampling.adjust import Adjustments
from jackfield_plugins.generation.sampling.weights import ONE, scale_of


class Choice:
    """How one sequence's tokens are chosen, kept up from token to token.

    `lane` tells the sequences of one request apart, which share a seed. `said` counts the tokens of its answer, and is
    the place of the next one in its random numbers. `endings`: tokens that end it, banned before `min_tokens`. `record`
    belongs to the sampler.
    """

    __slots__ = (
        *("adjustments", "greedy", "lane", "least", "logprobs", "record", "said", "scale", "seed", "top_k", "top_p"),
        "plain",
    )

    def __init__(self, p: Parameters, prompt: Array, endings: Sequence[int], lane: int, seed: int) -> None:
        self.greedy = p.temperature == 0
        self.scale = scale_of(p.temperature)
        self.top_k = max(p.top_k, 0)
        self.top_p = p.top_p
        self.least = math.ceil(p.min_p * ONE)
        self.lane = lane
        self.seed = seed % 2**64
        self.said = 0
        self.logprobs = p.logprobs
        adjustments = Adjustments(p, prompt, endings)
        self.adjustments = adjustments if adjustments.applies(0) else None
        self.plain = self.greedy and self.adjustments is None and self.logprobs is None
        """Whether the likeliest token is what is wanted, and nothing else."""
        self.record: Any = None

    def add(self, token: int) -> None:
        """`token` was chosen."""
        self.said += 1
        if self.adjustments is not None:
            self.adjustments.add(token)

    def changing(self) -> Adjustments | None:
        """What changes the logits of its next token."""
        one = self.adjustments
        return one if one is not None and one.applies(self.said) else None


def seed_of(p: Parameters) -> int:
    """The seed that was asked for, or one that nobody can foresee."""
    return p.seed if p.seed is not None else secrets.randbits(64)
