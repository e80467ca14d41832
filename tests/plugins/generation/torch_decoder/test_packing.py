"""Tiles of queries."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.torch_decoder.packing import pack

NONE = np.zeros(0, np.int32)
PARTS = st.lists(st.tuples(st.integers(0, 90), st.integers(1, 50)), min_size=1, max_size=5)


@settings(deadline=None)
@given(parts=PARTS, small=st.sampled_from([1, 2, 8, 32]))
def test_every_row_has_the_slot_of_its_position_in_one_tile(parts: list[tuple[int, int]], small: int) -> None:
    lines = np.concatenate([np.full(count, line, np.int32) for line, (_, count) in enumerate(parts)])
    positions = np.concatenate([np.arange(first, first + count, dtype=np.int32) for first, count in parts])
    tables = np.arange(10 * len(parts), dtype=np.int32).reshape(len(parts), 10)
    seen: list[int] = []
    for tiles in pack(TokenRows(positions, positions, lines, tables, NONE), small, 32, 16, torch.device("cpu")):
        for row, tile, slot in zip(tiles.rows.tolist(), tiles.tile.tolist(), tiles.slot.tolist(), strict=True):
            seen.append(row)
            assert slot == positions[row] % tiles.size
            assert tiles.positions[tile, slot] == positions[row]
            used = -(-int(tiles.ends[tile]) // 16)
            assert tiles.blocks[tile, :used].tolist() == tables[lines[row], :used].tolist()
        filled = tiles.positions >= 0
        assert int(filled.sum()) == len(tiles.rows), "a slot is taken that no row has"
        assert tiles.ends.tolist() == (tiles.positions.amax(1) + 1).tolist()
    assert sorted(seen) == list(range(len(lines)))


def test_no_rows_make_no_tiles() -> None:
    assert pack(TokenRows(NONE, NONE, NONE, np.zeros((0, 4), np.int32), NONE), 1, 32, 16, torch.device("cpu")) == []
