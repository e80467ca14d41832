"""What is fetched while something else is computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.native import NativeDecoder, NativeOptions
from jackfield_plugins.generation.native.library import StepRows, library
from tests.plugins.generation.native.reference import Kind, decoder_of

SPACE = 4096
"""Lines of memory in which the pieces lie."""
BLOCK = 16


def fetched(firsts: Sequence[int], lines: Sequence[int], loops: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The lines that each loop of [products, turns] fetches."""
    memory = np.zeros(SPACE * 64, np.uint8)
    starts, lengths, given = np.array(firsts, np.int64), np.array(lines, np.int32), np.array(loops, np.int32)
    found, counts = np.empty(2 * SPACE, np.int64), np.empty(len(loops), np.int32)
    addresses = (array.ctypes.data for array in (memory, starts, lengths))
    library().ahead(
        *addresses, len(firsts), given.ctypes.data, len(loops), found.ctypes.data, len(found), counts.ctypes.data
    )
    ends = np.cumsum(counts)
    return [found[end - count : end].tolist() for end, count in zip(ends, counts, strict=True)]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("loops", [3, 40, 500])
def test_every_line_once_and_in_time(loops: int, seed: int) -> None:
    """Pieces come whole and in order, evenly over the work, also where a loop fetches several pieces, or has more turns
    than a piece has lines."""
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 9))
    lines = [int(n) for n in random.integers(1, 400, count)]
    firsts = [int(n) * 512 for n in random.permutation(8)[:count]]
    turns = [int(random.choice([1, 4, 18, 48, 216])) for _ in range(loops)]
    asked = [(int(random.integers(1, 4)) * 4096, each) for each in turns]
    expected = [first + line for first, length in zip(firsts, lines, strict=True) for line in range(length)]
    given: list[int] = []
    done = np.cumsum([products for products, _ in asked]) / sum(products for products, _ in asked)
    for found, part in zip(fetched(firsts, lines, asked), done, strict=True):
        given += found
        due = part * len(expected)
        assert due - max(turns) - 1 <= len(given) <= due + 1
    assert given == expected[: len(given)]


def test_nothing_to_fetch() -> None:
    """Without pieces loops fetch nothing, and when all is fetched, nothing more."""
    assert fetched([], [], [(4096, 16)]) == [[]]
    assert fetched([7], [2], [(4096, 1), (0, 1), (0, 1)]) == [[7, 8], [], []]


def blocks_ahead(
    decoder: NativeDecoder, positions: Sequence[range], tables: Sequence[Sequence[int]]
) -> list[list[int]]:
    """By home, the blocks that a step fetches ahead in which each sequence has rows at `positions`."""
    width = max(len(table) for table in tables)
    padded = np.array([[*table, *[0] * (width - len(table))] for table in tables], np.int32)
    places = np.array([place for some in positions for place in some], np.int32)
    lines = np.array([line for line, some in enumerate(positions) for _ in some], np.int32)
    every = np.arange(len(places), dtype=np.int32)
    rows = TokenRows(np.zeros_like(every), places, lines, padded, every)
    arrays = (rows.tokens, rows.positions, rows.lines, rows.tables, rows.wanted)
    native = StepRows(*(array.ctypes.data for array in arrays), len(every), *rows.tables.shape, len(every))
    blocks = np.empty(1024, np.int32)
    homes = range(decoder.threads)
    run = library().decoder_ahead
    return [blocks[: run(decoder._handle, native, home, blocks.ctypes.data, len(blocks))].tolist() for home in homes]


def decoder(windows: tuple[int, ...] = (0, 0), threads: int = 2) -> NativeDecoder:
    """With layers of such windows."""
    return NativeDecoder(decoder_of(Kind(windows=windows)), 256, BLOCK, NativeOptions(threads=threads))


def test_what_each_thread_attends_to() -> None:
    """Every sequence's blocks of earlier steps, at the home of its row, the first last; a shared block once, and no
    block that begins in this step."""
    tables = [[10 * line, 10 * line + 1, 10 * line + 2] for line in range(20)]
    tables[3][0] = tables[12][0] = 0  # as the first sequence's
    positions = [range(35, 36) for _ in tables]
    positions[5] = range(32, 33)  # the first of its third block
    expected = [[block for line in half for block in tables[line]] for half in (range(10), range(10, 20))]
    for home in expected:
        home[:] = list(dict.fromkeys(home))[::-1]
    expected[0].remove(tables[5][2])
    expected[1].remove(0)
    assert blocks_ahead(decoder(), positions, tables) == expected


def test_long_prompts_are_shared_out() -> None:
    """What a prompt of many rows attends to of steps before is attended to by all threads."""
    table = list(range(100, 120))
    assert blocks_ahead(decoder(), [range(64, 164)], [table]) == [[102, 100], [103, 101]]
    assert blocks_ahead(decoder(), [range(100)], [table]) == [[], []]


def test_windows() -> None:
    """Nothing before the widest window, which is none where a layer sees everything."""
    table = [list(range(10 * line, 10 * line + 10)) for line in range(20)]
    positions = [range(100, 101) for _ in table]
    for windows, first in (((20, 33), 4), ((20, 0), 0)):
        expected = [[10 * line + block for line in range(20) for block in range(first, 7)][::-1]]
        assert blocks_ahead(decoder(windows, threads=1), positions, table) == expected


def test_only_what_pays() -> None:
    """Nothing with so few rows that products wait for memory themselves, and nothing if not all has room."""
    assert blocks_ahead(decoder(), [range(35, 36)] * 2, [[0, 1, 2], [3, 4, 5]]) == [[], []]
    large = NativeDecoder(
        decoder_of(Kind(heads=8, key_value_heads=8, head_size=256)), 1024, BLOCK, NativeOptions(threads=1)
    )
    tables = [list(range(40 * line, 40 * line + 40)) for line in range(20)]
    for length, some in ((33, True), (640, False)):  # 60 and 800 blocks of 256 KiB
        assert bool(blocks_ahead(large, [range(length - 1, length)] * 20, tables)[0]) is some
