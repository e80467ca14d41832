"""Attention over blocks against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jackfield import Array
from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.torch_decoder.attention import Scoring, attend
from jackfield_plugins.generation.torch_decoder.packing import pack
from jackfield_plugins.generation.torch_decoder.pool import Cached, KeyValuePool

NONE = np.zeros(0, np.int32)


def exact(
    queries: Array, keys: Array, values: Array, window: int, softcap: float = 0, sinks: Array | None = None
) -> Array:
    """Of one sequence: `queries` [n, heads, size] stand at its end, keys and values [positions, KV heads, size]."""
    count, heads, size = queries.shape
    group = heads // keys.shape[1]
    result = np.zeros((count, heads, values.shape[2]))
    for row in range(count):
        position = len(keys) - count + row
        first = max(position - window + 1, 0) if window else 0
        for head in range(heads):
            k, v = keys[first : position + 1, head // group], values[first : position + 1, head // group]
            scores = k.astype(np.float64) @ queries[row, head].astype(np.float64) / np.sqrt(size)
            if softcap:
                scores = softcap * np.tanh(scores / softcap)
            seen = scores if sinks is None else np.append(scores, np.float64(sinks[head]))
            weights = np.exp(scores - seen.max()) / np.exp(seen - seen.max()).sum()
            result[row, head] = weights @ v.astype(np.float64)
    return result.reshape(count, -1)


@pytest.mark.parametrize("window", [0, 1, 7, 100, 128, 1000])
@pytest.mark.parametrize(("heads", "shared", "size", "block"), [(6, 2, 16, 16), (4, 4, 32, 8), (8, 1, 64, 128)])
@pytest.mark.parametrize("tile", [1, 3, 32])
def test_any_ends_and_windows(window: int, heads: int, shared: int, size: int, block: int, tile: int) -> None:
    _compare(heads, Cached(shared, size, size), block, tile, Scoring(size**-0.5, window))


@pytest.mark.parametrize("window", [0, 7])
@pytest.mark.parametrize("softcap", [0.0, 0.6])
@pytest.mark.parametrize("sinks", [False, True])
@pytest.mark.parametrize("across", [8, 16, 24])
def test_caps_sinks_and_values_of_another_size(window: int, softcap: float, sinks: bool, across: int) -> None:
    drawn = np.random.default_rng(1).normal(0, 3, 6).astype(np.float32) if sinks else None
    scoring = Scoring(16**-0.5, window, softcap, None if drawn is None else torch.from_numpy(drawn))
    _compare(6, Cached(2, 16, across), 16, 3, scoring)


def _compare(heads: int, cached: Cached, block: int, tile: int, scoring: Scoring) -> None:
    random = np.random.default_rng(0)
    # positions, and how many of the last of them are asked for
    sequences = [(1, 1), (block, 1), (block + 1, 2), (127, 5), (128, 40), (129, 33), (300, 64)]
    each = -(-300 // block)
    pool = KeyValuePool([cached], each * len(sequences), block, torch.float32, torch.device("cpu"))
    pool.keys[0].fill_(torch.nan)  # what nobody wrote reaches nobody
    pool.values[0].fill_(torch.nan)
    sinks = None if scoring.sinks is None else scoring.sinks.numpy()
    tables = random.permutation(each * len(sequences)).reshape(len(sequences), each).astype(np.int32)
    asked, wanted, lines, positions = [], [], [], []
    for line, (length, count) in enumerate(sequences):
        shapes = [(length, cached.heads, size) for size in (cached.key_size, cached.value_size)]
        keys, values = (random.normal(size=shape).astype(np.float32) for shape in shapes)
        at = np.arange(length)
        blocks, offsets = torch.from_numpy(tables[line][at // block].astype(np.int64)), torch.from_numpy(at % block)
        pool.write(0, blocks, offsets, torch.from_numpy(keys), torch.from_numpy(values))
        queries = random.normal(size=(count, heads, cached.key_size)).astype(np.float32)
        asked.append(queries)
        wanted.append(exact(queries, keys, values, scoring.window, scoring.softcap, sinks))
        lines.append(np.full(count, line, np.int32))
        positions.append(np.arange(length - count, length, dtype=np.int32))
        tables[line, -(-length // block) :] = -1  # what is not used yet may be anything
    where = np.concatenate(positions)
    rows = TokenRows(where, where, np.concatenate(lines), tables, NONE)
    got = np.full((len(where), heads * cached.value_size), np.nan)
    joined = torch.from_numpy(np.concatenate(asked))
    for tiles in pack(rows, tile, 32, block, torch.device("cpu")):
        got[tiles.rows.numpy()] = attend(pool, 0, joined, tiles, scoring).numpy()
    np.testing.assert_allclose(got, np.concatenate(wanted), atol=2e-6, rtol=0)
