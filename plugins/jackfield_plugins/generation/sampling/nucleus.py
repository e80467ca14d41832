"""Drawing one token of a row: temperature, top-k, top-p and min-p.

In that order, each on what the one before has left: the k largest; of these the fewest that have a share p of the
weight; of these those that weigh at least a share p of the largest. Where tokens weigh the same, the lower number is
larger.
"""

from __future__ import annotations

import math

import numpy as np

from jackfield import Array

_CHUNK = 256  # logits that are summed together first: a running sum over a whole vocabulary would cost three times more
_SHARES = (1e-2, 1e-4, 1e-7)  # shares of the largest weight, above which a nucleus is looked for
_HALVINGS = 6  # of the range of weights in which its border lies, so that few are left to be sorted
_TINY = 1e-14


def draw(logits: Array, chance: float, temperature: float, top_k: int, top_p: float, min_p: float) -> int:
    """The token that `chance`, in [0, 1), chooses of `logits`: float32 [vocabulary], not changed. `temperature` > 0;
    `top_k` 0, `top_p` 1 and `min_p` 0 leave all. Raises ValueError if no logit is a number."""
    top = logits.max()
    if not np.isfinite(top):
        raise ValueError("the largest logit is not a number")
    if 0 < top_k < len(logits):
        kept = largest(logits, top_k)
        weights = _weights(logits[kept], top, temperature)
    else:
        kept, weights = None, _weights(logits, top, temperature)
    if top_p < 1:
        chosen = _nucleus(weights, top_p)
        kept, weights = chosen if kept is None else kept[chosen], weights[chosen]
    if min_p > 0:
        chosen = np.flatnonzero(weights >= np.float32(min_p))  # the largest weighs 1
        kept, weights = chosen if kept is None else kept[chosen], weights[chosen]
    index = _pick(weights, chance)
    return index if kept is None else int(kept[index])


def largest(logits: Array, count: int) -> Array:
    """The ascending places of the `count` largest of `logits`, the lower place where they are equal."""
    places = np.flatnonzero(logits >= _bound(logits, count))
    if len(places) > count:
        places = np.sort(places[np.argsort(-logits[places], kind="stable")[:count]])
    return places


def _bound(logits: Array, count: int) -> float:
    """What at least `count` of `logits` reach: so many parts have a largest one that does, and that is quick to
    know."""
    whole = len(logits) - len(logits) % _CHUNK
    if count > whole // _CHUNK:
        return -np.inf
    tops = logits[:whole].reshape(-1, _CHUNK).max(axis=1)
    return float(np.partition(tops, -count)[-count])


def _weights(logits: Array, top: float, temperature: float) -> Array:
    """float32, the largest 1. Underflow is zero, as it should be."""
    weights = np.subtract(logits, top, dtype=np.float32)
    with np.errstate(over="ignore"):  # a temperature near zero
        weights /= np.float32(max(temperature, 1e-30))
    return np.exp(weights, out=weights)


def _nucleus(weights: Array, top_p: float) -> Array:
    """Ascending places of the fewest of `weights` that have a share `top_p` of them all; the last one overshoots."""
    wanted = float(weights.sum(dtype=np.float64)) * top_p
    for share in _SHARES:
        places = np.flatnonzero(weights >= np.float32(share))
        if float(weights[places].sum(dtype=np.float64)) >= wanted:
            break
    else:
        share, places = 0.0, np.arange(len(weights))
    kept = weights[places]
    low, high, above = share, 2.0, 0.0  # what weighs `high` is in, and that is `above` in all; less than `low` is out
    for _ in range(_HALVINGS):
        middle = math.sqrt(max(low, _TINY) * high)
        total = float(kept[kept >= middle].sum(dtype=np.float64))
        if total >= wanted:
            low = middle
        else:
            high, above = middle, total
    between = np.flatnonzero((kept >= low) & (kept < high))
    order = between[np.argsort(-kept[between], kind="stable")]
    sums = above + np.cumsum(kept[order], dtype=np.float64)
    count = int(np.searchsorted(sums, wanted)) + 1
    return np.sort(places[np.concatenate([np.flatnonzero(kept >= high), order[:count]])])


def _pick(weights: Array, chance: float) -> int:
    """The place at which the running sum of `weights` passes `chance` of the whole."""
    whole = len(weights) - len(weights) % _CHUNK
    parts = weights[:whole].reshape(-1, _CHUNK).sum(axis=1, dtype=np.float64)
    sums = np.cumsum(np.append(parts, weights[whole:].sum(dtype=np.float64)))
    goal = chance * sums[-1]
    chunk = min(int(np.searchsorted(sums, goal, side="right")), len(sums) - 1)
    start = chunk * _CHUNK
    within = np.cumsum(weights[start : start + _CHUNK], dtype=np.float64)
    left = goal - (sums[chunk - 1] if chunk else 0.0)
    place = int(np.searchsorted(within, left, side="right"))
    if place < len(within):
        return start + place
    some = np.flatnonzero(weights[: start + _CHUNK])  # rounding: the last so far that weighs anything
    return int(some[-1])
