"""What is fetched while something else is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest

from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.native import NativeDecoder, NativeOptions
from jackfield_plugins.generation.native.library import StepRows, library
from jackfield_plugins.generation.native.options import Storage
from jackfield_plugins.generation.spec import Linear
from tests.plugins.generation.native.kernels import Product, sets, stored_at_random
from tests.plugins.generation.native.reference import Kind, decoder_of, run

SPACE = 4096
"""Lines of memory in which the pieces lie."""
BLOCK = 16
KIND = Kind()


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


@pytest.mark.parametrize("number", sets())
@pytest.mark.parametrize("rows", [2, 5, 8, 9, 33, 70])
@pytest.mark.parametrize(
    ("stored", "integer"),
    [("F32", False), ("F16", False), ("Q4_1", False), ("Q8_0", False), ("Q4_1", True), ("Q8_0", True)],
)
def test_products_fetch_all_of_it(stored: str, integer: bool, rows: int, number: int) -> None:
    """Tiles of every kind, in each set: what is spread over the products of a linear is fetched by its end, but for
    less than a line for each turn of the last tile."""
    random = np.random.default_rng(rows)
    product = Product([Linear(stored_at_random(stored, 96, 160, random))], 0, integer)
    product.ahead = 3000
    product(number, random.standard_normal((rows, 160)).astype(np.float32))
    assert 0 <= product.left < 160 / 8


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
    blocks, found = np.empty(1024, np.int32), list[list[int]]()
    for home in range(decoder.threads):
        count = library().decoder_ahead(decoder._handle, native, home, blocks.ctypes.data, len(blocks))
        assert count >= 0, library().said()
        found.append(blocks[:count].tolist())
    return found


@contextmanager
def decoder(
    kind: Kind = KIND, blocks: int = 256, threads: int = 2, stored: Storage = "auto"
) -> Iterator[NativeDecoder]:
    """One that is closed."""
    made = NativeDecoder(decoder_of(kind), blocks, BLOCK, NativeOptions(threads=threads, storage=stored))
    try:
        yield made
    finally:
        made.close()


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
    with decoder() as made:
        assert blocks_ahead(made, positions, tables) == expected


def test_what_several_threads_attend_to_is_shared_out() -> None:
    """A prompt of many rows, and a sequence whose heads several threads have."""
    with decoder() as made:
        table = list(range(100, 120))
        assert blocks_ahead(made, [range(64, 164)], [table]) == [[102, 100], [103, 101]]
        assert blocks_ahead(made, [range(100)], [table]) == [[], []]
        tables = [list(range(10 * line, 10 * line + 3)) for line in range(21)]  # the third begins in this step
        halves = blocks_ahead(made, [range(32, 33)] * 21, tables)
        assert halves[0] == [100, *(block for line in range(9, -1, -1) for block in (10 * line + 1, 10 * line))]
        assert halves[1] == [*(block for line in range(20, 10, -1) for block in (10 * line + 1, 10 * line)), 101]


def test_windows() -> None:
    """Nothing before the widest window, which is none where a layer sees everything."""
    table = [list(range(10 * line, 10 * line + 10)) for line in range(20)]
    positions = [range(100, 101) for _ in table]
    for windows, first in (((20, 33), 4), ((20, 0), 0)):
        expected = [[10 * line + block for line in range(20) for block in range(first, 7)][::-1]]
        with decoder(Kind(windows=windows), threads=1) as made:
            assert blocks_ahead(made, positions, table) == expected


def test_only_what_pays() -> None:
    """Nothing with so few rows that products wait for memory themselves, and nothing if not all has room."""
    with decoder() as made:
        assert blocks_ahead(made, [range(35, 36)] * 2, [[0, 1, 2], [3, 4, 5]]) == [[], []]
    with decoder(Kind(heads=8, key_value_heads=8, head_size=256), 800, 1) as large:  # blocks of 256 KiB
        tables = [list(range(40 * line, 40 * line + 40)) for line in range(20)]
        shared = [[0, *table[1:]] for table in tables]
        assert blocks_ahead(large, [range(16, 17)] * 20, shared) == [[0]]
        assert blocks_ahead(large, [range(639, 640)] * 20, tables) == [[]]  # 200 MB, which no processor's share holds


def test_rows_that_are_none() -> None:
    """They are an error here as they are in a step."""
    with decoder() as made, pytest.raises(AssertionError, match=r"^block of row 0 is 300, the pool has 256"):
        blocks_ahead(made, [range(5, 6)], [[300]])


@pytest.mark.parametrize("stored", ["fp32", "half"])
def test_bits_are_those_without(stored: Storage) -> None:
    """Sequences that decode together, so that keys and values are fetched ahead, against each alone."""
    tokens = np.random.default_rng(3).integers(0, 101, (20, 40)).tolist()
    tables = np.arange(60, dtype=np.int32).reshape(20, 3)
    kind = Kind(windows=(0, 0, 0))
    with decoder(kind, 60, stored=stored) as together, decoder(kind, 60, stored=stored) as alone:
        run(together, tables, *((line, 0, tokens[line][:39]) for line in range(20)))
        found = run(together, tables, *((line, 39, tokens[line][39:]) for line in range(20)))
        assert any(blocks_ahead(together, [range(39, 40)] * 20, tables.tolist()))
        for line in range(20):
            run(alone, tables, (line, 0, tokens[line][:39]))
            assert np.array_equal(run(alone, tables, (line, 39, tokens[line][39:]))[0], found[line])
