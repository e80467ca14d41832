"""Choosing the next token of each sequence of a step."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np

from jackfield import Array
from jackfield.errors import ExecutionFailed
from jackfield_plugins.generation.parameters import Parameters
from jackfield_plugins.generation.sampling.adjust import Adjustments, adjust
from jackfield_plugins.generation.sampling.logprobs import Likelihood, likelihood
from jackfield_plugins.generation.sampling.nucleus import draw
from jackfield_plugins.generation.sampling.philox import uniforms


class Choice:
    """How one sequence's tokens are chosen, kept up from token to token.

    `lane` tells the sequences of one request apart, which share a seed. `said` counts the tokens of its answer, and is
    the place of the next one in its random numbers. `endings`: tokens that end it, banned before `min_tokens`.
    """

    __slots__ = ("adjustments", "greedy", "lane", "logprobs", "min_p", "said", "seed", "temperature", "top_k", "top_p")

    def __init__(self, p: Parameters, prompt: Array, endings: Sequence[int], lane: int, seed: int) -> None:
        self.greedy = p.temperature == 0
        self.temperature = p.temperature
        self.top_k = max(p.top_k, 0)
        self.top_p = p.top_p
        self.min_p = p.min_p
        self.lane = lane
        self.seed = seed % 2**64
        self.said = 0
        self.logprobs = p.logprobs
        adjustments = Adjustments(p, prompt, endings)
        self.adjustments = adjustments if adjustments.applies(0) else None

    @property
    def plain(self) -> bool:
        """Whether the likeliest token is what is wanted, and nothing else."""
        return self.greedy and self.adjustments is None and self.logprobs is None

    def add(self, token: int) -> None:
        """`token` was chosen."""
        self.said += 1
        if self.adjustments is not None:
            self.adjustments.add(token)


def seed_of(p: Parameters) -> int:
    """The seed that was asked for, or one that nobody can foresee."""
    return p.seed if p.seed is not None else secrets.randbits(64)


def choose(
    logits: Array, rows: Array, choices: Sequence[Choice], plain: bool
) -> tuple[Array, list[Likelihood | None] | None, dict[int, ExecutionFailed]]:
    """A token for each of `choices`, out of its row of `logits`: float32 [any, vocabulary], not changed.

    `rows`: int [choices], ascending; some may be the same. `plain`: all choices are. Gives tokens, int64 [choices]; how
    likely they were, None if nobody wants to know; and what is wrong with single ones, by their place.
    """
    whole = len(rows) == len(logits) and len(choices) == len(logits)
    mine = logits if whole else logits[rows]
    tokens: Array = mine.argmax(axis=1)
    faults: dict[int, ExecutionFailed] = {}
    found = mine[np.arange(len(tokens)), tokens]
    if not np.isfinite(found).all():  # the largest is no number if any is none
        faults = {int(place): _fault() for place in np.flatnonzero(~np.isfinite(found))}
    if plain:
        return tokens, None, faults
    likely: list[Likelihood | None] = [None] * len(choices)
    _change(mine, choices, tokens, faults)
    for place, choice in enumerate(choices):
        if choice.logprobs is not None and place not in faults:
            likely[place] = likelihood(mine[place], int(tokens[place]), choice.logprobs)
    return tokens, likely, faults


def _change(logits: Array, choices: Sequence[Choice], tokens: Array, faults: dict[int, ExecutionFailed]) -> None:
    """Have those of `tokens` that are not simply the likeliest."""
    changed: dict[int, Array] = {}
    found = [(place, one.adjustments, one.said) for place, one in enumerate(choices) if one.adjustments is not None]
    wanted: list[Any] = [(place, one, said) for place, one, said in found if one.applies(said) and place not in faults]
    if wanted:
        places = [place for place, _, _ in wanted]
        copies = logits[places]
        adjust(copies, [(one, said) for _, one, said in wanted])
        changed = dict(zip(places, copies, strict=True))
        tokens[places] = copies.argmax(axis=1)
        for place, row in changed.items():
            if not np.isfinite(row[tokens[place]]):
                faults[place] = _fault()
    drawn = [place for place, one in enumerate(choices) if not one.greedy and place not in faults]
    if drawn:
        chances = uniforms(
            np.array([choices[place].seed for place in drawn], np.uint64),
            np.array([choices[place].lane for place in drawn], np.uint32),
            np.array([choices[place].said for place in drawn], np.uint32),
        )
        for place, chance in zip(drawn, chances.tolist(), strict=True):
            one = choices[place]
            row = changed.get(place, logits[place])
            tokens[place] = draw(row, chance, one.temperature, one.top_k, one.top_p, one.min_p)


def _fault() -> ExecutionFailed:
    return ExecutionFailed("the model gave logits that are not numbers")
