"""How a step's rows are packed into tiles of queries, each of one sequence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jackfield import Array
from jackfield_plugins.generation.decoder import TokenRows


@dataclass(slots=True)
class Tiles:
    """`size` queries a tile. Of each row of the tiles `rows`: its tile and its slot. `positions`: int64 [tiles, size],
    the position of each slot, -1 where no row is. `blocks`: int64 [tiles, n], of the sequence. `ends`: int64 [tiles],
    how many positions of the sequence there are."""

    size: int
    rows: Tensor
    tile: Tensor
    slot: Tensor
    positions: Tensor
    blocks: Tensor
    ends: Tensor


def pack(rows: TokenRows, small: int, large: int, block_size: int, device: torch.device) -> list[Tiles]:
    """Tiles of `large` queries for sequences that have many rows in this step, of `small` for the others.

    A row's slot is its position modulo the size: the same whichever way the prompt was cut.
    """
    if not len(rows.lines):
        return []
    _, line, counts = np.unique(rows.lines, return_inverse=True, return_counts=True)
    many = counts[line] > small
    chosen = [(small, ~many), (large, many)]
    return [_tiles(rows, np.flatnonzero(which), size, block_size, device) for size, which in chosen if which.any()]


def _tiles(rows: TokenRows, chosen: Array, size: int, block_size: int, device: torch.device) -> Tiles:
    positions, lines = rows.positions[chosen].astype(np.int64), rows.lines[chosen].astype(np.int64)
    first = np.ones(len(chosen), bool)
    first[1:] = (np.diff(lines) != 0) | (np.diff(positions // size) != 0)
    tile, slot = np.cumsum(first) - 1, positions % size
    spread = np.full((tile[-1] + 1, size), -1, np.int64)
    spread[tile, slot] = positions
    ends = spread.max(1) + 1
    blocks = rows.tables[lines[first]].astype(np.int64)
    # what lies beyond a sequence's end is never looked at, so any block will do for it
    used = np.arange(blocks.shape[1]) * block_size < ends[:, None]
    arrays = (chosen, tile, slot, spread, np.where(used, blocks, 0), ends)
    return Tiles(size, *(torch.from_numpy(array).to(device) for array in arrays))
