"""Memory that many small weights share."""

from __future__ import annotations

from pathlib import Path
from resource import getpagesize

import numpy as np
import pytest

from jackfield_plugins.generation.native.library import availability
from jackfield_plugins.generation.native.weights import AS_STORED
from jackfield_plugins.generation.spec import Linear
from tests.plugins.generation.native.kernels import Product, stored_at_random


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()


@pytest.mark.skipif(not availability()[0], reason=availability()[1])
def test_neighbours_of_what_was_freed() -> None:
    """They stay as they are, what is freed is given back at once, and what comes then does not lie over them."""
    random = np.random.default_rng(5)
    several = [Linear(stored_at_random("F32", 512, 1000 + i, random)) for i in range(100)]  # 200 MB
    x = random.standard_normal((3, 1100)).astype(np.float32)
    products = [Product([one], AS_STORED, False) for one in several]
    before = [product(0, x[:, : product.inputs]) for product in products]
    full = resident()
    kept = products[::5]
    del products
    assert resident() < full - 100 * 2**20
    again = [Product([one], AS_STORED, False) for one in several]
    for product, expected in zip(again, before, strict=True):
        assert np.array_equal(product(0, x[:, : product.inputs]), expected)
    del again, product
    for product, expected in zip(kept, before[::5], strict=True):
        assert np.array_equal(product(0, x[:, : product.inputs]), expected)
    del kept, product
    assert resident() < full - 200 * 2**20 + (64 << 20)  # what other parts of the process may have taken meanwhile
