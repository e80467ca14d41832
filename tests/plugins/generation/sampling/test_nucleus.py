"""One token of a row, against the definition written out in float64."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield import Array
from jackfield_plugins.generation.sampling.nucleus import draw, largest
from jackfield_plugins.generation.sampling.weights import ONE, scale_of


def _drawn(logits: Array, chance: float, temperature: float, top_k: int, top_p: float, min_p: float) -> int:
    return draw(logits, logits.max(), chance, scale_of(temperature), top_k, top_p, math.ceil(min_p * ONE))


def _distribution(logits: Array, temperature: float, top_k: int, top_p: float, min_p: float) -> Array:
    """What is left of the softmax: float64."""
    order = np.argsort(-logits.astype(np.float64), kind="stable")
    weights = np.exp((logits.astype(np.float64) - logits.max()) / temperature)[order]
    keep = np.ones(len(order), bool)
    if top_k:
        keep[top_k:] = False
    if top_p < 1:
        share = np.cumsum(weights * keep) / (weights * keep).sum()
        keep[np.searchsorted(share, top_p) + 1 :] = False
    keep &= weights >= min_p * weights[0]
    left = np.zeros(len(order))
    left[order] = weights * keep
    shares: Array = left / left.sum()
    return shares


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    size=st.sampled_from([1, 7, 255, 256, 257, 1000]),
    seed=st.integers(0, 10**6),
    temperature=st.sampled_from([0.3, 1.0, 2.0]),
    top_k=st.sampled_from([0, 1, 3, 40]),
    top_p=st.sampled_from([1.0, 0.9, 0.5, 0.01]),
    min_p=st.sampled_from([0.0, 0.05, 1.0]),
)
def test_each_token_has_its_share_of_chance(
    size: int, seed: int, temperature: float, top_k: int, top_p: float, min_p: float
) -> None:
    logits = (np.random.default_rng(seed).standard_normal(size) * 3).astype(np.float32)
    before = logits.copy()
    sums = np.cumsum(_distribution(logits, temperature, top_k, top_p, min_p))
    for chance in np.linspace(0, 1, 41, endpoint=False):
        token = _drawn(logits, float(chance), temperature, top_k, top_p, min_p)
        low = sums[token - 1] if token else 0.0
        assert low - 1e-5 <= chance <= sums[token] + 1e-5
        assert sums[token] > low, "a token was drawn that has no chance"
    assert (logits == before).all()


def test_no_chance_runs_over_the_end() -> None:
    last = float(np.nextafter(1, 0))
    for size in (1, 256, 512, 600):
        logits = np.full(size, -1e9, np.float32)
        logits[0] = 0.0
        assert _drawn(logits, last, 1.0, 0, 1.0, 0.0) == 0
        assert _drawn(np.zeros(size, np.float32), last, 1.0, 0, 1.0, 0.0) == size - 1


def test_tiny_temperatures_take_the_likeliest() -> None:
    logits = np.array([1.0, 3.0, 2.999], np.float32)
    assert _drawn(logits, 0.999, 1e-40, 0, 1.0, 0.0) == 1


@settings(deadline=None, derandomize=True, max_examples=60)
@given(size=st.integers(1, 1500), count=st.integers(1, 60), levels=st.integers(1, 400), seed=st.integers(0, 99))
def test_the_largest_are_those_of_a_stable_sort(size: int, count: int, levels: int, seed: int) -> None:
    logits = np.random.default_rng(seed).integers(0, levels, size).astype(np.float32)
    expected = np.sort(np.argsort(-logits, kind="stable")[:count])
    assert largest(logits, count).tolist() == expected.tolist()
