"""How few queries a tile of attention may have, so that a row's sums come out the same in any company: tried."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.torch_decoder.attention import SPAN, Scoring, attend
from jackfield_plugins.generation.torch_decoder.packing import pack
from jackfield_plugins.generation.torch_decoder.pool import Cached, KeyValuePool

LARGE = 32
"""Queries in a tile where a sequence has many rows."""
_SMALL = (1, 2, 4, 8, 16)
_BLOCK = 16


def queries_in_a_tile(shapes: Iterable[tuple[int, Cached]], device: torch.device) -> tuple[int, bool]:
    """The least number of queries with which every one of `shapes` (heads of queries, what is cached) gives a row the
    same bits as in a tile of `LARGE`; and whether that holds for `LARGE` itself, without which nothing does."""
    trials = [_Trial(heads, cached, device) for heads, cached in shapes]
    small = next((size for size in _SMALL if all(trial.agrees(size) for trial in trials)), LARGE)
    return small, all(trial.agrees(LARGE) for trial in trials)


class _Trial:
    """A trial of attention over random keys and values. The reference is the end of a prompt, in large tiles."""

    _ENDS = (3, _BLOCK, SPAN + 5, 2 * SPAN + 40)  # of sequences; short ones, and ones that end behind the first span
    _ROWS = 40  # more than a large tile

    def __init__(self, heads: int, cached: Cached, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(0)
        each = 3 * SPAN // _BLOCK
        self._device = device
        self._scoring = Scoring(cached.key_size**-0.5)
        self._pool = KeyValuePool([cached], each, _BLOCK, torch.float32, device)
        for pool in (self._pool.keys[0], self._pool.values[0]):
            pool.copy_(torch.randn(pool.shape, generator=generator))
        self._tables = np.arange(each, dtype=np.int32)[None].repeat(len(self._ENDS), 0)
        self._queries = torch.randn(3 * SPAN, heads, cached.key_size, generator=generator).to(device)
        self._outputs = heads * cached.value_size
        self._reference = [self._attended({line: range(end)}, LARGE)[line] for line, end in enumerate(self._ENDS)]

    def agrees(self, size: int) -> bool:
        """Whether tiles of `size` give the bits of the reference: for a row alone, for some in company, and for all."""
        last = {line: range(end - 1, end) for line, end in enumerate(self._ENDS)}
        some = {line: range(max(end - 3, 0), end) for line, end in enumerate(self._ENDS)}
        every = {line: range(max(end - self._ROWS, 0), end) for line, end in enumerate(self._ENDS)}
        trials = [*({line: rows} for line, rows in last.items()), last, some, every]
        return all(
            torch.equal(got, self._reference[line][trial[line].start :])
            for trial in trials
            for line, got in self._attended(trial, size).items()
        )

    def _attended(self, chosen: dict[int, range], size: int) -> dict[int, Tensor]:
        """What the positions of each line attend to, all in one step."""
        lines = np.concatenate([np.full(len(rows), line, np.int32) for line, rows in chosen.items()])
        positions = np.concatenate([np.array(rows, np.int32) for rows in chosen.values()])
        rows = TokenRows(positions, positions, lines, self._tables, np.zeros(0, np.int32))
        queries = self._queries[torch.from_numpy(positions.astype(np.int64)).to(self._device)]
        found = queries.new_empty(len(queries), self._outputs)
        for tiles in pack(rows, size, size, _BLOCK, self._device):
            found[tiles.rows] = attend(self._pool, 0, queries, tiles, self._scoring)
        return {line: found[torch.from_numpy(lines == line)] for line in chosen}
