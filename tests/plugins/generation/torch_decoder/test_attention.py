"""Attention over blocks against NumPy in float64."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from jackfield import Array
from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.torch_decoder.attention import attend
from jackfield_plugins.generation.torch_decoder.packing import pack
from jackfield_plugins.generation.torch_decoder.pool import KeyValuePool

NONE = np.zeros(0, np.int32)


def exact(queries: Array, keys: Array, values: Array, window: int) -> Array:
    """Of one sequence: `queries` [n, heads, size] stand at its end, keys and values [positions, KV heads, size]."""
    count, heads, size = queries.shape
    group = heads // keys.shape[1]
    result = np.zeros((count, heads, size))
    for row in range(count):
        position = len(keys) - count + row
        first = max(position - window + 1, 0) if window else 0
        for head in range(heads):
            k, v = keys[first : position + 1, head // group], values[first : position + 1, head // group]
            scores = k.astype(np.float64) @ queries[row, head].astype(np.float64) / np.sqrt(size)
            weights = np.exp(scores - scores.max())
            result[row, head] = weights / weights.sum() @ v.astype(np.float64)
    return result.reshape(count, -1)


@pytest.mark.parametrize("window", [0, 1, 7, 100, 128, 1000])
@pytest.mark.parametrize(("heads", "shared", "size", "block"), [(6, 2, 16, 16), (4, 4, 32, 8), (8, 1, 64, 128)])
@pytest.mark.parametrize("tile", [1, 3, 32])
def test_any_ends_and_windows(window: int, heads: int, shared: int, size: int, block: int, tile: int) -> None:
    random = np.random.default_rng(0)
    # positions, and how many of the last of them are asked for
    sequences = [(1, 1), (block, 1), (block + 1, 2), (127, 5), (128, 40), (129, 33), (300, 64)]
    each = -(-300 // block)
    spec: Any = SimpleNamespace(layers=(None,), key_value_heads=shared, head_size=size)
    pool = KeyValuePool(spec, each * len(sequences), block, torch.float32, torch.device("cpu"))
    pool.keys.fill_(torch.nan)  # what nobody wrote reaches nobody
    pool.values.fill_(torch.nan)
    tables = random.permutation(each * len(sequences)).reshape(len(sequences), each).astype(np.int32)
    asked, wanted, lines, positions = [], [], [], []
    for line, (length, count) in enumerate(sequences):
        keys, values = (random.normal(size=(length, shared, size)).astype(np.float32) for _ in range(2))
        at = np.arange(length)
        blocks, offsets = torch.from_numpy(tables[line][at // block].astype(np.int64)), torch.from_numpy(at % block)
        pool.write(0, blocks, offsets, torch.from_numpy(keys), torch.from_numpy(values))
        queries = random.normal(size=(count, heads, size)).astype(np.float32)
        asked.append(queries)
        wanted.append(exact(queries, keys, values, window))
        lines.append(np.full(count, line, np.int32))
        positions.append(np.arange(length - count, length, dtype=np.int32))
        tables[line, -(-length // block) :] = -1  # what is not used yet may be anything
    where = np.concatenate(positions)
    rows = TokenRows(where, where, np.concatenate(lines), tables, NONE)
    got = np.full((len(where), heads * size), np.nan)
    joined = torch.from_numpy(np.concatenate(asked))
    for tiles in pack(rows, tile, 32, block, torch.device("cpu")):
        got[tiles.rows.numpy()] = attend(pool, 0, joined, tiles, window).numpy()
    np.testing.assert_allclose(got, np.concatenate(wanted), atol=2e-6, rtol=0)
