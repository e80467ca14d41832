"""Drawing one token of a row: temperature, top-k, top-p and min-p.

In that order, each on what the one before has left: the k largest; of these the fewest that have a share p of the
weight; of these those that weigh at least a share p of the largest. Where logits are equal, the lower token is larger.
"""

from __future__ import annotations

import math

import numpy as np

from jackfield import Array
from jackfield_plugins.generation.sampling.weights import ONE, share, weights

_CHUNK = 256
_DEPTHS = (
    6,
    9,
    12,
    16,
    24,
)  # powers of two below the largest weight, as far as a nucleus is looked for; then everywhere


def draw(logits: Array, top: np.float32, chance: float, scale: np.float32, top_k: int, top_p: float, least: int) -> int:
    """The token that `chance`, in [0, 1), chooses of `logits`: float32 [vocabulary], the largest `top`, a number.

    `scale`: of `weights`. `top_k` 0, `top_p` 1 and `least` 0 leave all; `least` is a weight."""
    kept = None
    if 0 < top_k < len(logits):
        kept = largest(logits, top_k)
        found = weights(logits[kept], top, scale)
        if top_p < 1:
            chosen = _nucleus(logits[kept], found, share(top_p, int(found.sum())))
            kept, found = kept[chosen], found[chosen]
    elif top_p < 1:
        kept, found = _nucleus_of_all(logits, top, scale, top_p)
    elif least > 0:
        kept = np.flatnonzero(logits >= _reached(top, scale, least))
        found = weights(logits[kept], top, scale)
    else:
        found = weights(logits, top, scale)
    if least > 0:
        assert kept is not None
        heavy = found >= least
        kept, found = kept[heavy], found[heavy]
    index = _pick(found, chance)
    return index if kept is None else int(kept[index])


def largest(logits: Array, count: int) -> Array:
    """The ascending places of the `count` largest of `logits`, the lower place where they are equal."""
    places = np.flatnonzero(logits >= _bound(logits, count))
    if len(places) <= count:
        return places
    found = logits[places]
    border = np.partition(found, -count)[-count]
    above = found > border
    equal = np.flatnonzero(found == border)[: count - np.count_nonzero(above)]
    above[equal] = True
    chosen: Array = places[above]
    return chosen


def _bound(logits: Array, count: int) -> float:
    """What at least `count` of `logits` reach: so many parts have a largest one that does, and that is quick to
    know."""
    whole = len(logits) - len(logits) % _CHUNK
    if count > whole // _CHUNK:
        return -np.inf
    tops = logits[:whole].reshape(-1, _CHUNK).max(axis=1)
    return float(np.partition(tops, -count)[-count])


def _reached(top: np.float32, scale: np.float32, least: int) -> float:
    """What each logit reaches that weighs `least` or more; a little lower than need be, for all that is rounded."""
    bound = float(top) + (math.log2((least - 0.5) / ONE) - 0.01) / float(scale)
    return bound - 1e-6 * (abs(float(top)) + abs(bound))


def _nucleus_of_all(logits: Array, top: np.float32, scale: np.float32, top_p: float) -> tuple[Array, Array]:
    """Ascending places of the nucleus, and their weights."""
    every = weights(logits, top, scale)
    wanted = share(top_p, int(every.sum()))
    for depth in (*_DEPTHS, math.inf):
        places = np.flatnonzero(logits >= np.float32(float(top) - depth / float(scale)))
        found = every[places]
        if int(found.sum()) >= wanted:
            break
    chosen = _nucleus(logits[places], found, wanted)
    return places[chosen], found[chosen]


def _nucleus(logits: Array, found: Array, wanted: int) -> Array:
    """Ascending places of the fewest of the largest of `logits` whose weights, `found`, are `wanted` together."""
    order = np.argsort(-logits, kind="stable")
    count = int(np.searchsorted(np.cumsum(found[order]), wanted)) + 1
    return np.sort(order[:count])


def _pick(found: Array, chance: float) -> int:
    """The place at which the running sum of weights passes `chance` of the whole."""
    whole = len(found) - len(found) % _CHUNK
    parts = np.append(found[:whole].reshape(-1, _CHUNK).sum(axis=1), found[whole:].sum())
    sums = np.cumsum(parts)  # over a whole vocabulary it would cost three times more
    total = int(sums[-1])
    goal = min(share(chance, total), total - 1)
    part = int(np.searchsorted(sums, goal, side="right"))
    start = part * _CHUNK
    within = np.cumsum(found[start : start + _CHUNK])
    return start + int(np.searchsorted(within, goal - (int(sums[part - 1]) if part else 0), side="right"))
