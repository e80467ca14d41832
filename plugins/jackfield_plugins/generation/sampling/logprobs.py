"""How likely tokens were, as the model says it: before temperature, penalties and cuts."""

from __future__ import annotations

import msgspec
import numpy as np

from jackfield import Array
from jackfield_plugins.generation.sampling.nucleus import largest


class Likelihood(msgspec.Struct, frozen=True):
    """Of one token: its natural logarithm, and the likeliest tokens there with theirs, the likeliest first."""

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


def likelihood(logits: Array, token: int, count: int) -> Likelihood:
    """That of `token` by `logits`, float32 [vocabulary], with the `count` likeliest. Sums in float64."""
    top = logits.max()
    total = float(top) + float(np.log(np.exp(logits - top).sum(dtype=np.float64)))
    if not count:
        return Likelihood(token, float(logits[token]) - total)
    places = largest(logits, count)
    places = places[np.argsort(-logits[places], kind="stable")]
    best = tuple((int(place), float(logits[place]) - total) for place in places)
    return Likelihood(token, float(logits[token]) - total, best)
