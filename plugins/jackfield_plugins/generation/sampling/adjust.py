"""What changes logits before a token is chosen: penalties for what was said, biases, and bans.

Repetition divides positive logits and multiplies negative ones, of tokens of prompt and answer ("CTRL", Keskar et al.,
2019); presence and frequency subtract, for tokens of the answer, as the OpenAI API defines them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from jackfield import Array
from jackfield_plugins.generation.parameters import Parameters

_FIRST = 64  # tokens that there is room for at first


class Adjustments:
    """What one sequence's logits are changed by, kept up token after token. `banned`: tokens that end an answer."""

    def __init__(self, parameters: Parameters, prompt: Array, banned: Sequence[int]) -> None:
        p = parameters
        self.penalised = p.repetition_penalty != 1 or p.presence_penalty != 0 or p.frequency_penalty != 0
        self.repetition = p.repetition_penalty
        self.presence = p.presence_penalty
        self.frequency = p.frequency_penalty
        self.biased = np.array(list(p.logit_bias), np.int32)
        self.biases = np.array(list(p.logit_bias.values()), np.float32)
        self.banned = np.array(banned, np.int32)
        self.ban_until = p.min_tokens if len(banned) else 0
        self.always = self.penalised or len(self.biased) > 0
        seen = np.unique(prompt) if self.repetition != 1 else np.empty(0, np.int32)
        self.size = len(seen)
        self.tokens = np.zeros(max(2 * self.size, _FIRST), np.int32)
        self.counts = np.zeros(len(self.tokens), np.float32)
        self.tokens[: self.size] = seen
        self._place = {int(token): place for place, token in enumerate(seen)} if self.penalised else {}

    def add(self, token: int) -> None:
        """`token` was said."""
        if not self.penalised:
            return
        place = self._place.get(token)
        if place is None:
            place = self._place[token] = self.size
            if place == len(self.tokens):
                self.tokens = np.append(self.tokens, np.zeros_like(self.tokens))
                self.counts = np.append(self.counts, np.zeros_like(self.counts))
            self.tokens[place] = token
            self.size += 1
        self.counts[place] += 1

    def applies(self, said: int) -> bool:
        """Whether anything changes after so many tokens of the answer."""
        return self.always or said < self.ban_until


Undo = list[tuple[Array, Array, Array]]
"""Rows and tokens whose logits were changed, and what they were; in order."""


def adjust(logits: Array, all_of: Sequence[tuple[int, Adjustments, int]]) -> Undo:
    """Change `logits`, float32 [rows, vocabulary], in place: of a row by its adjustments, which come with how many
    tokens were said. No row comes twice. `restore` takes it back."""
    undo: Undo = []
    penalised = [(row, one) for row, one, _ in all_of if one.size and one.penalised]
    if penalised:
        _penalise(logits, penalised, undo)
    biased = [(row, one) for row, one, _ in all_of if len(one.biased)]
    if biased:
        rows = _rows((row, len(one.biased)) for row, one in biased)
        found = _taken(logits, rows, np.concatenate([one.biased for _, one in biased]), undo)
        _put(logits, undo, found + np.concatenate([one.biases for _, one in biased]))
    for row, one, said in all_of:
        if said < one.ban_until:
            _taken(logits, np.full(len(one.banned), row), one.banned, undo)
            _put(logits, undo, -np.inf)
    return undo


def restore(logits: Array, undo: Undo) -> None:
    """Have `logits` as they were."""
    for rows, tokens, before in reversed(undo):
        logits[rows, tokens] = before


def _penalise(logits: Array, rows_of: Sequence[tuple[int, Adjustments]], undo: Undo) -> None:
    sizes = [one.size for _, one in rows_of]
    rows = _rows((row, one.size) for row, one in rows_of)
    tokens = np.concatenate([one.tokens[: one.size] for _, one in rows_of])
    counts = np.concatenate([one.counts[: one.size] for _, one in rows_of])

    def spread(values: list[float]) -> Array:
        return np.repeat(np.array(values, np.float32), sizes)

    repetition = spread([one.repetition for _, one in rows_of])
    found = _taken(logits, rows, tokens, undo)
    found = np.where(found > 0, found / repetition, found * repetition)
    found -= spread([one.frequency for _, one in rows_of]) * counts
    found -= spread([one.presence for _, one in rows_of]) * (counts > 0)
    _put(logits, undo, found)


def _taken(logits: Array, rows: Array, tokens: Array, undo: Undo) -> Array:
    found: Array = logits[rows, tokens]
    undo.append((rows, tokens, found))
    return found


def _put(logits: Array, undo: Undo, changed: Array | float) -> None:
    rows, tokens, _ = undo[-1]
    logits[rows, tokens] = changed


def _rows(counts: Iterable[tuple[int, int]]) -> Array:
    rows, sizes = zip(*counts, strict=True)
    return np.repeat(np.array(rows), sizes)
