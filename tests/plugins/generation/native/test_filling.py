"""The KV pool's memory is there before it is needed."""

from __future__ import annotations

import time

import numpy as np
import pytest

from jackfield_plugins.generation.native import NativeDecoder
from jackfield_plugins.generation.native.library import availability
from tests.plugins.generation.native.reference import Kind, decoder_of, run
from tests.plugins.generation.native.test_pages import resident

MIB = 2**20


def grown(before: int, most: float) -> int:
    """By how much more memory is resident once it is `most` bytes, or after a while."""
    end = time.monotonic() + 30
    while resident() - before < most and time.monotonic() < end:
        time.sleep(0.05)
    return resident() - before


@pytest.mark.skipif(not availability()[0], reason=availability()[1])
def test_memory_ahead_of_what_is_used() -> None:
    """Some hundreds of MiB and not the whole pool; more once blocks behind them are used; all of it goes."""
    spec = decoder_of(Kind(heads=8, key_value_heads=8, head_size=128, hidden=80))
    numbers = 2 * len(spec.layers) * spec.key_value_heads * spec.head_size * 16 * 4
    count = 1400 * MIB // numbers
    before = resident()
    decoder = NativeDecoder(spec, count)
    assert 400 * MIB < grown(before, 500 * MIB) < 700 * MIB
    table = np.array([[count // 2]], np.int32)
    first = run(decoder, table, (0, 0, [5]))
    assert grown(before, 1150 * MIB) > 1000 * MIB
    again = run(decoder, np.array([[count - 1]], np.int32), (0, 0, [5]))
    assert np.array_equal(first[0], again[0])
    decoder.close()
    assert resident() - before < 200 * MIB
