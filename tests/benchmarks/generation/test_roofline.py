from __future__ import annotations

import pytest
from benchmarks.decoder import parameters
from benchmarks.generation.roofline import most
from benchmarks.random_decoder import random_decoder


def test_memory_bounds_one_sequence_and_products_many() -> None:
    spec = random_decoder()
    layers, head = parameters(spec)
    position = 2 * spec.key_value_heads * spec.head_size * len(spec.layers) * 4
    read, never = 20e9, 1e30
    seconds = (4 * (layers + head) + 128 * position) / read
    assert most(spec, 1, 128, 1, read, never) == pytest.approx(1 / seconds)
    seconds += (4 * (layers + head) + 129 * position) / read
    assert most(spec, 1, 128, 2, read, never) == pytest.approx(2 / seconds)
    attention = sum(range(1, 129)) * position // 4 * (spec.heads // spec.key_value_heads)
    products = 32 * (128 * layers + head + attention)
    assert most(spec, 32, 128, 1, never, 70e9) == pytest.approx(32 / (products / 70e9))
