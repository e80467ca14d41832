"""Attention over blocks against float64, and its bits however rows are cut."""

from __future__ import annotations

from ctypes import addressof

import numpy as np
import pytest

from jackfield import Array
from jackfield_plugins.generation.native.library import library
from tests.plugins.generation.native.kernels import Attention, sets


class Pool:
    """One layer's keys and values of a sequence, in scattered blocks; what no row may read is very large."""

    def __init__(self, length: int, block: int, heads: int, size: int, half: bool, random: np.random.Generator) -> None:
        self.block, self.heads, self.size, self.half = block, heads, size, half
        count = -(-length // block)
        kind = np.float16 if half else np.float32
        self.k, self.v = random.standard_normal((2, length, heads, size)).astype(kind)
        self.table = random.permutation(count + 3)[:count].astype(np.int32)
        self.keys = np.full((count + 3, heads, block // 16, size, 16), 3e4, kind)
        self.values = np.full((count + 3, heads, block, size), 3e4, kind)
        for position in range(length):
            at, inside = self.table[position // block], position % block
            self.keys[at, :, inside // 16, :, inside % 16] = self.k[position]
            self.values[at, :, inside] = self.v[position]

    def attend(self, number: int, q: Array, start: int, head: int, window: int) -> Array:
        """Of queries [rows, group, size] at positions from `start`."""
        rows, group, size = q.shape
        positions = np.arange(start, start + rows, dtype=np.int32)
        out, scratch = np.zeros_like(q), np.empty(rows * group * (size + 18) + 64, np.float32)
        q = np.ascontiguousarray(q)
        call = Attention(q.ctypes.data, group * size, out.ctypes.data, group * size)
        call.keys, call.values, call.stride = self.keys.ctypes.data, self.values.ctypes.data, self.keys[0].size
        call.table, call.positions = self.table.ctypes.data, positions.ctypes.data
        call.rows, call.group, call.head_size, call.head = rows, group, size, head
        call.block_size, call.window, call.half, call.scratch = self.block, window, self.half, scratch.ctypes.data
        call.next = head + 1 if head + 1 < self.heads else -1
        library().attend(number, addressof(call))
        return out

    def exact(self, q: Array, start: int, head: int, window: int) -> Array:
        """The same in float64."""
        out = np.empty(q.shape)
        for row in range(len(q)):
            first = max(0, start + row - window + 1) if window else 0
            k, v = (x[first : start + row + 1, head].astype(np.float64) for x in (self.k, self.v))
            scores = q[row].astype(np.float64) @ k.T
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            out[row] = weights / weights.sum(axis=1, keepdims=True) @ v
        return out


@pytest.mark.parametrize("number", sets())
@pytest.mark.parametrize("half", [False, True], ids=["fp32", "half"])
@pytest.mark.parametrize("window", [0, 1, 40, 100])
def test_against_float64(number: int, half: bool, window: int) -> None:
    """At the borders of tiles, blocks and chunks, for groups and head sizes of several kinds."""
    random = np.random.default_rng(1)
    for block, heads, group, size in ((16, 3, 3, 64), (16, 1, 1, 16), (32, 2, 5, 80), (48, 2, 4, 128)):
        pool = Pool(260, block, heads, size, half, random)
        for start, rows in ((0, 1), (0, 8), (15, 1), (16, 1), (60, 8), (63, 1), (64, 3), (127, 2), (252, 8)):
            q = random.standard_normal((rows, group, size)).astype(np.float32)
            head = int(random.integers(heads))
            got = pool.attend(number, q, start, head, window)
            np.testing.assert_allclose(got, pool.exact(q, start, head, window), atol=3e-5)


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "half"])
@pytest.mark.parametrize("window", [0, 70])
def test_bits_do_not_depend_on_how_rows_are_cut(half: bool, window: int) -> None:
    """One at a time or several together, in every instruction set."""
    random = np.random.default_rng(2)
    pool = Pool(200, 16, 2, 64, half, random)
    q = random.standard_normal((200, 3, 64)).astype(np.float32)
    alone = np.concatenate([pool.attend(0, q[row : row + 1], row, 1, window) for row in range(200)])
    for number in range(len(library().sets_here())):
        for rows in (1, 2, 3, 7, 8):
            for start in range(0, 200 - rows, rows):
                together = pool.attend(number, q[start : start + rows], start, 1, window)
                assert np.array_equal(together, alone[start : start + rows])


@pytest.mark.parametrize("number", sets())
def test_large_scores(number: int) -> None:
    """One position that outweighs all others, wherever it is: no overflow, and its value alone."""
    pool = Pool(130, 16, 1, 16, False, np.random.default_rng(3))
    for position in (0, 63, 64, 129):
        q = (pool.k[position, 0] * 1e4).astype(np.float32)[None, None]
        best = int(np.argmax(pool.k[:, 0] @ q[0, 0]))
        np.testing.assert_allclose(pool.attend(number, q, 129, 0, 0)[0, 0], pool.v[best, 0], rtol=1e-5)
