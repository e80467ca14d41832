"""What was tried when a decoder was opened, and what it came to: the numbers of rows that steps are run with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.spec import DecoderSpec, Rope
from jackfield_plugins.generation.torch_decoder.attention import SPAN, attend
from jackfield_plugins.generation.torch_decoder.layer import TorchLayer
from jackfield_plugins.generation.torch_decoder.packing import pack
from jackfield_plugins.generation.torch_decoder.pool import KeyValuePool
from jackfield_plugins.generation.torch_decoder.rotation import Rotation
from jackfield_plugins.generation.torch_decoder.tiles import SIZES, agreeing

_LARGE = 32
_SMALL = (1, 2, 4, 8, 16)
_BLOCK = 16


@dataclass(frozen=True, slots=True)
class Steady:
    """`sizes`: numbers of rows, ascending. `small`, `large`: queries in a tile of attention. `holds`: whether a row's
    bits were the same in every trial."""

    sizes: tuple[int, ...]
    small: int
    large: int
    holds: bool

    @classmethod
    def tried(
        cls, spec: DecoderSpec, layer: TorchLayer, logits: Callable[[Tensor], Tensor], device: torch.device
    ) -> Steady:
        """Try what is done to rows in `layer` and in `logits`, and attention over a pool of random keys and values."""
        still = Rotation(Rope(np.zeros(spec.head_size // 2, np.float32), 1.0, spec.rope.style), 1, device)

        def before(rows: Tensor) -> Tensor:
            heads = layer.before(rows, still, still.of(torch.zeros(len(rows), dtype=torch.int64, device=device)))
            return torch.cat([heads.queries.flatten(1), heads.keys.flatten(1), heads.values.flatten(1)], 1)

        def after(rows: Tensor) -> Tensor:
            return layer.after(rows[:, : spec.hidden].contiguous(), rows[:, spec.hidden :].contiguous())

        queries = spec.heads * spec.head_size
        found = [
            agreeing(before, spec.hidden, device),
            agreeing(after, spec.hidden + queries, device),
            agreeing(logits, spec.hidden, device),
        ]
        sizes = tuple(size for size in SIZES if all(size in good for good, _ in found))
        attention = _Attention(spec, device)
        small = next((size for size in _SMALL if attention.agrees(size)), _LARGE)
        holds = all(steady for _, steady in found) and attention.agrees(_LARGE)
        return cls(sizes, small, _LARGE, holds)

    def describe(self) -> str:
        """For people."""
        sizes = ", ".join(str(size) for size in self.sizes)
        about = f"rows in {sizes}; queries in {self.small} and {self.large}"
        return (
            f"yes ({about})" if self.holds else f"no: this machine's matrix products depend on a row's place ({about})"
        )


class _Attention:
    """A trial of attention over random keys and values. The reference is the end of a prompt, in large tiles."""

    _ENDS = (3, _BLOCK, SPAN + 5, 2 * SPAN + 40)  # of sequences; short ones, and ones that end behind the first span
    _ROWS = 40  # more than a large tile

    def __init__(self, spec: DecoderSpec, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(0)
        each = 3 * SPAN // _BLOCK
        self._device = device
        self._pool = KeyValuePool(spec, 1, _BLOCK, torch.float32, device)
        shape = (1, each, spec.key_value_heads, _BLOCK, spec.head_size)
        self._pool.keys = torch.randn(shape, generator=generator).to(device)
        self._pool.values = torch.randn(shape, generator=generator).to(device)
        self._tables = np.arange(each, dtype=np.int32)[None].repeat(len(self._ENDS), 0)
        self._queries = torch.randn(3 * SPAN, spec.heads, spec.head_size, generator=generator).to(device)
        self._reference = [self._attended({line: range(end)}, _LARGE)[line] for line, end in enumerate(self._ENDS)]

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
        found = torch.empty_like(queries).flatten(1)
        for tiles in pack(rows, size, size, _BLOCK, self._device):
            found[tiles.rows] = attend(self._pool, 0, queries, tiles, 0)
        return {line: found[torch.from_numpy(lines == line)] for line in chosen}
