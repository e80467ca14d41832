"""Keys and values of all sequences, in blocks of fixed size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Cached:
    """What a layer keeps of a token: `heads` keys of `key_size` elements and as many values of `value_size`."""

    heads: int
    key_size: int
    value_size: int


class KeyValuePool:
    """Of each layer `keys`, [blocks, KV heads, block size, key size], and `values`, alike. Layers may differ."""

    def __init__(
        self, layers: Sequence[Cached], blocks: int, block_size: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        def made(heads: int, width: int) -> Tensor:
            return torch.zeros((blocks, heads, block_size, width), dtype=dtype, device=device)

        self.block_size = block_size
        try:
            self.keys = [made(layer.heads, layer.key_size) for layer in layers]
            self.values = [made(layer.heads, layer.value_size) for layer in layers]
        except RuntimeError as error:  # which is how PyTorch says that there is no memory
            raise MemoryError(f"the pool of {blocks} KV blocks cannot be had: {error}") from error

    def write(self, layer: int, blocks: Tensor, offsets: Tensor, keys: Tensor, values: Tensor) -> None:
        """Put the rows' `keys` and `values` ([rows, KV heads, size]) at `offsets` in `blocks`, both [rows]."""
        for pool, new in ((self.keys[layer], keys), (self.values[layer], values)):
            pool[blocks, :, offsets] = new.to(pool.dtype)

    def read(self, layer: int, blocks: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of `blocks` ([tiles, n]), float32 [tiles, KV heads, n * block size, size], copies."""
        return self._gathered(self.keys[layer], blocks), self._gathered(self.values[layer], blocks)

    def copy(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Copy blocks, of each (source, destination), in order."""
        for source, destination in pairs:
            for pool in (*self.keys, *self.values):
                pool[destination] = pool[source]

    @staticmethod
    def _gathered(pool: Tensor, blocks: Tensor) -> Tensor:
        found = pool[blocks]  # [tiles, n, KV heads, block size, size]
        tiles, count, heads, size, width = found.shape
        return found.transpose(1, 2).reshape(tiles, heads, count * size, width).float()
