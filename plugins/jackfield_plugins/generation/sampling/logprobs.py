"""How likely tokens were, as the model says it: before temperature, penalties and cuts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from jackfield import Array
from jackfield_plugins.generation.sampling.nucleus import largest
from jackfield_plugins.generation.sampling.weights import ONE, scale_of, weights

_PLAIN = scale_of(1.0)


class Likelihood(msgspec.Struct, frozen=True):
    """Of one token: its natural logarithm, and the likeliest tokens there with theirs, the likeliest first."""

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


class Figures:
    """What likelihoods are made of, for `rows` rows, of which each may have up to `most` likeliest tokens.

    `totals`: int64, sums of weights; `tops`: float32, the largest logits; `logits`: float32, of the tokens that are
    asked about; `best` and `best_logits`: int32 and float32 [rows, most], the likeliest first.
    """

    def __init__(self, rows: int, most: int) -> None:
        self.totals = np.zeros(rows, np.int64)
        self.tops = np.zeros(rows, np.float32)
        self.logits = np.zeros(rows, np.float32)
        self.best = np.zeros((rows, most), np.int32)
        self.best_logits = np.zeros((rows, most), np.float32)

    def fill(self, place: int, logits: Array, count: int) -> bool:
        """Those of a row, float32 [vocabulary], but for the token's own logit; whether all are numbers."""
        top = logits.max()
        if not np.isfinite(top):
            return False
        self.totals[place] = weights(logits, top, _PLAIN).sum()
        self.tops[place] = top
        if count:
            places = largest(logits, count)
            places = places[np.argsort(-logits[places], kind="stable")]
            self.best[place, : len(places)], self.best_logits[place, : len(places)] = places, logits[places]
        return True

    def told(self, tokens: Sequence[int], counts: Sequence[int]) -> list[Likelihood | None]:
        """The likelihood of each of `tokens`, with so many of the likeliest; None where a count is less than 0, and
        where the model gave no numbers (its total is 0)."""
        most = self.best.shape[1]
        totals = self.totals.tolist()
        # one at a time: the logarithm of a whole array may differ in its last bit with the array's length
        logs = [
            top + math.log(total / ONE) if total else 0.0 for top, total in zip(self.tops.tolist(), totals, strict=True)
        ]
        own = self.logits.tolist()
        best: list[list[tuple[int, float]]] = [[]] * len(totals)
        if most:
            logprobs = self.best_logits.astype(np.float64) - np.array(logs)[:, None]
            best = [
                list(zip(some, of, strict=True)) for some, of in zip(self.best.tolist(), logprobs.tolist(), strict=True)
            ]
        return [
            Likelihood(token, logit - log, tuple(top[: min(count, most)])) if total and count >= 0 else None
            for token, logit, log, total, count, top in zip(tokens, own, logs, totals, counts, best, strict=True)
        ]
