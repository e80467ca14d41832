"""Weights are what they should be, and exact in every sum."""

from __future__ import annotations

import numpy as np
import pytest

from jackfield_plugins.generation.sampling.weights import ONE, scale_of, share, weights


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_they_are_powers_within_a_few_roundings(temperature: float) -> None:
    logits = np.random.default_rng(0).uniform(-60, 20, 50_000).astype(np.float32)
    top = logits.max()
    found = weights(logits, top, scale_of(temperature))
    exact = np.exp((logits.astype(np.float64) - float(top)) / temperature) * ONE
    assert found.max() == ONE
    assert (np.abs(found - exact) <= exact * 6e-6 + 0.51).all()


def test_what_is_hopeless_weighs_nothing() -> None:
    logits = np.array([0.0, -0.001, -1000.0, -np.inf], np.float32)
    assert weights(logits, logits[0], scale_of(1e-40)).tolist() == [ONE, 0, 0, 0]
    assert weights(logits, logits[0], scale_of(1.0))[2:].tolist() == [0, 0]


def test_a_share_is_never_more_than_all() -> None:
    total = 2**60 - 1  # becomes 2**60 as a double
    assert share(float(np.nextafter(1, 0)), total) <= total
    assert share(0.5, 10) == 5
