"""What is fetched while something else is computed."""

from __future__ import annotations

import numpy as np
import pytest

from jackfield import Array
from jackfield_plugins.generation.native.library import library

SPACE = 4096
"""Lines of memory in which the pieces lie."""


def fetched(firsts: list[int], lines: list[int], loops: list[tuple[int, int]]) -> Array:
    """For each loop its first line, or -1, and its lines a turn: int64 [loops, 2]."""
    memory = np.zeros(SPACE * 64, np.uint8)
    starts, lengths, given = np.array(firsts, np.int64), np.array(lines, np.int32), np.array(loops, np.int32)
    out = np.empty((len(loops), 2), np.int64)
    addresses = (array.ctypes.data for array in (memory, starts, lengths))
    library().ahead(*addresses, len(firsts), given.ctypes.data, len(loops), out.ctypes.data)
    return out


@pytest.mark.parametrize("seed", range(20))
def test_every_line_once_and_in_time(seed: int) -> None:
    """Pieces come whole and in order, evenly over the work, and nothing but a piece's last turns reaches beyond it."""
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 9))
    lines = [int(n) for n in random.integers(1, 400, count)]
    firsts = [int(n) * 512 for n in random.permutation(8)[:count]]
    turns = [int(random.choice([1, 4, 16, 18, 48])) for _ in range(500)]
    loops = [(int(random.integers(1, 4)) * 4096, each) for each in turns]
    expected = [(piece, line) for piece in range(count) for line in range(lines[piece])]
    given: list[tuple[int, int]] = []
    progress = np.cumsum([products for products, _ in loops]) / sum(products for products, _ in loops)
    for (at, each), taken, done in zip(fetched(firsts, lines, loops), turns, progress, strict=True):
        if each:
            piece = next(i for i in range(count) if firsts[i] <= at < firsts[i] + lines[i])
            length = int(each) * taken
            start = int(at) - firsts[piece]
            assert start + length < lines[piece] + taken
            given += [(piece, line) for line in range(start, min(start + length, lines[piece]))]
        else:
            assert at == -1
        assert len(given) <= done * sum(lines) + 1
    assert given == expected[: len(given)]
    assert len(expected) - len(given) <= 48 * count


def test_nothing_to_fetch() -> None:
    """Without pieces loops fetch nothing."""
    assert fetched([], [], [(4096, 16)]).tolist() == [[-1, 0]]
