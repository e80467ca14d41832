"""A step, as passes through a model: rows in parts of certain sizes, each of which finds what the former ones wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jackfield import Array
from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.torch_decoder.attention import attend
from jackfield_plugins.generation.torch_decoder.packing import Tiles, pack
from jackfield_plugins.generation.torch_decoder.pool import KeyValuePool
from jackfield_plugins.generation.transformers_decoder.interface import RUNNING, Call, MaskFunction
from jackfield_plugins.generation.transformers_decoder.probe import Site


@dataclass(frozen=True, slots=True)
class Sizes:
    """`rows`: numbers of rows of a pass, ascending. `small`, `large`: queries in a tile of attention."""

    rows: tuple[int, ...]
    small: int
    large: int


class Passes:
    """Runs `model`, which attends at `sites`, over keys and values in `pool`."""

    def __init__(self, model: Any, sites: Sequence[Site], pool: KeyValuePool, device: torch.device) -> None:
        self._model, self._sites, self.pool, self._device = model, sites, pool, device

    def run(self, rows: TokenRows, sizes: Sizes, shifts: Array | None = None) -> Tensor:
        """The logits of the wanted rows, float32 [wanted, vocabulary]; there must be a row. `shifts`: of each line, by
        how much the positions that the model is told are higher than those in the pool."""
        found = []
        for start, size in parts(len(rows.tokens), sizes.rows):
            stop = min(start + size, len(rows.tokens))
            first, last = np.searchsorted(rows.wanted, (start, stop))
            part = replace(
                rows,
                tokens=rows.tokens[start:stop],
                positions=rows.positions[start:stop],
                lines=rows.lines[start:stop],
                wanted=rows.wanted[first:last] - start,
            )
            found.append(self._pass(part, size, sizes, shifts))
        return torch.cat(found)

    def _pass(self, rows: TokenRows, size: int, sizes: Sizes, shifts: Array | None) -> Tensor:
        count, wanted = len(rows.tokens), rows.wanted
        tokens, positions = np.zeros(size, np.int64), np.zeros(size, np.int64)
        tokens[:count] = rows.tokens
        positions[:count] = rows.positions if shifts is None else rows.positions + shifts[rows.lines]
        kept = np.zeros(next(one for one in sizes.rows if one >= len(wanted)), np.int64)
        kept[: len(wanted)] = wanted
        part = _Part(self._sites, self.pool, rows, sizes, self._device)
        token = RUNNING.set(part)
        try:
            result = self._model(
                input_ids=self._tensor(tokens)[None],
                position_ids=self._tensor(positions)[None],
                use_cache=False,
                logits_to_keep=self._tensor(kept),
            )
        finally:
            RUNNING.reset(token)
        part.finish()
        logits: Tensor = result.logits[0, : len(wanted)].float()
        return logits

    def _tensor(self, array: Array) -> Tensor:
        return torch.from_numpy(array).to(self._device)


class _Part:
    """What runs during one pass."""

    def __init__(
        self, sites: Sequence[Site], pool: KeyValuePool, rows: TokenRows, sizes: Sizes, device: torch.device
    ) -> None:
        self._sites, self._pool, self._count, self._next = sites, pool, len(rows.tokens), 0
        self._tiles: list[Tiles] = pack(rows, sizes.small, sizes.large, pool.block_size, device)
        lines, positions = rows.lines.astype(np.int64), rows.positions.astype(np.int64)
        blocks = rows.tables[lines, positions // pool.block_size].astype(np.int64)
        self._blocks = torch.from_numpy(blocks).to(device)
        self._offsets = torch.from_numpy(positions % pool.block_size).to(device)

    def mask(self, function: MaskFunction) -> None:
        """None is needed: the sites know theirs."""

    def attended(self, call: Call) -> Tensor:
        """Write the rows' keys and values, and attend. What fills the pass up attends to nothing."""
        number, self._next = self._next, self._next + 1
        site = self._sites[number] if number < len(self._sites) else None
        if site is None or site.module is not call.module or call.mask is not None:
            raise RuntimeError("a module of the model attends where it did not when it was probed")
        count = self._count
        self._pool.write(number, self._blocks, self._offsets, call.keys[:count], call.values[:count])
        queries = call.queries.float()
        attended = queries.new_zeros(len(queries), site.heads * site.cached.value_size)
        for tiles in self._tiles:
            attended[tiles.rows] = attend(self._pool, number, queries, tiles, site.scoring)
        return attended.view(len(queries), site.heads, -1).to(call.queries.dtype)

    def finish(self) -> None:
        """Raises RuntimeError if the model has attended less often than it did when it was probed."""
        if self._next != len(self._sites):
            raise RuntimeError(
                f"the model attended {self._next} times, and {len(self._sites)} times when it was probed"
            )


def parts(rows: int, sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where each part of `rows` begins and which of `sizes` (ascending) it has; the last may be filled up."""
    start = 0
    while start < rows:
        size = next((size for size in sizes if size >= rows - start), sizes[-1])
        yield start, size
        start += size
