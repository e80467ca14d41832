"""Choosing the next token of each sequence of a step: the interface, and the implementation in NumPy."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from jackfield import Array
from jackfield.errors import ExecutionFailed
from jackfield_plugins.generation.sampling.adjust import adjust, restore
from jackfield_plugins.generation.sampling.choice import Choice
from jackfield_plugins.generation.sampling.logprobs import Figures, Likelihood
from jackfield_plugins.generation.sampling.nucleus import draw
from jackfield_plugins.generation.sampling.philox import uniforms

Chosen = tuple[Array, list[Likelihood | None] | None, dict[int, ExecutionFailed]]


class Sampler(ABC):
    """Used by one thread at a time. All implementations give the same tokens and likelihoods, bit for bit."""

    name: str
    about: str = ""
    """For people: how it runs, or why it is this one."""

    @abstractmethod
    def choose(self, logits: Array, rows: Array, choices: Sequence[Choice], plain: bool) -> Chosen:
        """A token for each of `choices`, out of its row of `logits`: float32 [any, vocabulary], the same afterwards.

        `rows`: int64 [choices], ascending; some may be the same. `plain`: all choices are. Gives tokens, int64
        [choices]; how likely they were, None if nobody wants to know; and what is wrong with single ones, by their
        place: a row whose largest logit is not a number. Releases the GIL as far as it can.
        """

    @abstractmethod
    def likelihoods(self, logits: Array, rows: Array, tokens: Array, count: int) -> list[Likelihood]:
        """How likely each of `tokens`, int [rows], is by its row, with the `count` likeliest; not a number (NaN) where
        the row has none."""

    def close(self) -> None:
        """Give back what it holds. Called once."""
        return


class NumpySampler(Sampler):
    """In NumPy, one row after the other. `why` it is this one is told by `about`."""

    name = "numpy"

    def __init__(self, why: str = "") -> None:
        self.about = why

    def choose(self, logits: Array, rows: Array, choices: Sequence[Choice], plain: bool) -> Chosen:
        """See `Sampler`."""
        mine = logits if len(rows) == len(logits) and (rows == np.arange(len(rows))).all() else logits[rows]
        if plain:
            tokens: Array = mine.argmax(axis=1)
            return told(tokens, np.isfinite(mine[np.arange(len(tokens)), tokens]), None, ())
        figures, whole = self._figures(mine, choices)
        found = [(place, one, choice.said) for place, choice in enumerate(choices) if (one := choice.changing())]
        if found and not mine.flags.writeable:
            mine = mine.copy()
        undo = adjust(mine, found)
        try:
            tokens = mine.argmax(axis=1)
            tops = mine[np.arange(len(tokens)), tokens]
            whole &= np.isfinite(tops)
            _draw(mine, choices, tops, whole, tokens)
        finally:
            restore(mine, undo)
        if figures is not None:
            figures.logits[:] = mine[np.arange(len(tokens)), tokens]
        return told(tokens, whole, figures, counts_of(choices))

    def likelihoods(self, logits: Array, rows: Array, tokens: Array, count: int) -> list[Likelihood]:
        """See `Sampler`."""
        figures = Figures(len(rows), min(count, logits.shape[1]))
        for place, row in enumerate(rows):
            figures.fill(place, logits[row], count)
        figures.logits[:] = logits[rows, tokens]
        return told_of_all(figures, tokens.tolist(), count)

    def _figures(self, logits: Array, choices: Sequence[Choice]) -> tuple[Figures | None, Array]:
        """What likelihoods need of the logits as they are, and which rows have numbers as far as that was looked at."""
        whole = np.ones(len(choices), bool)
        counts = counts_of(choices)
        if max(counts) < 0:
            return None, whole
        figures = Figures(len(choices), min(max(counts), logits.shape[1]))
        for place, count in enumerate(counts):
            if count >= 0:
                whole[place] = figures.fill(place, logits[place], count)
        return figures, whole


def counts_of(choices: Sequence[Choice]) -> list[int]:
    """How many of the likeliest each wants to know; -1: not even about its own."""
    return [-1 if choice.logprobs is None else choice.logprobs for choice in choices]


def told(tokens: Array, whole: Array, figures: Figures | None, counts: Sequence[int]) -> Chosen:
    """What `choose` gives: `whole`, bool, says whose logits are numbers; the others get token 0 and an error."""
    faults: dict[int, ExecutionFailed] = {}
    if not whole.all():
        tokens[~whole] = 0
        text = "the model gave logits that are not numbers"
        faults = {int(place): ExecutionFailed(text) for place in np.flatnonzero(~whole)}
    if figures is None:
        return tokens, None, faults
    figures.totals[~whole] = 0
    return tokens, figures.told(tokens.tolist(), counts), faults


def told_of_all(figures: Figures, tokens: Sequence[int], count: int) -> list[Likelihood]:
    """A likelihood for each token."""
    told = figures.told(tokens, [count] * len(tokens))
    return [one or Likelihood(token, math.nan) for one, token in zip(told, tokens, strict=True)]


def _draw(logits: Array, choices: Sequence[Choice], tops: Array, whole: Array, tokens: Array) -> None:
    """Have those of `tokens` that are not simply the likeliest."""
    drawn = [place for place, one in enumerate(choices) if not one.greedy and whole[place]]
    if not drawn:
        return
    chances = uniforms(
        np.array([choices[place].seed for place in drawn], np.uint64),
        np.array([choices[place].lane for place in drawn], np.uint32),
        np.array([choices[place].said for place in drawn], np.uint32),
    )
    for place, chance in zip(drawn, chances.tolist(), strict=True):
        one = choices[place]
        tokens[place] = draw(logits[place], tops[place], chance, one.scale, one.top_k, one.top_p, one.least)
