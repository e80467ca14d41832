"""Keys and values of all sequences, in blocks of fixed size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from jackfield_plugins.generation.spec import DecoderSpec


class KeyValuePool:
    """`keys`, `values`: [layers, blocks, KV heads, block size, head size]."""

    def __init__(
        self, spec: DecoderSpec, blocks: int, block_size: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        shape = (len(spec.layers), blocks, spec.key_value_heads, block_size, spec.head_size)
        self.block_size = block_size
        try:
            self.keys = torch.zeros(shape, dtype=dtype, device=device)
            self.values = torch.zeros(shape, dtype=dtype, device=device)
        except RuntimeError as error:  # which is how PyTorch says that there is no memory
            raise MemoryError(f"the pool of {blocks} KV blocks cannot be had: {error}") from error

    def write(self, layer: int, blocks: Tensor, offsets: Tensor, keys: Tensor, values: Tensor) -> None:
        """Put the rows' `keys` and `values` ([rows, KV heads, head size]) at `offsets` in `blocks`, both [rows]."""
        self.keys[layer, blocks, :, offsets] = keys.to(self.keys.dtype)
        self.values[layer, blocks, :, offsets] = values.to(self.values.dtype)

    def read(self, layer: int, blocks: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of `blocks` ([tiles, n]), float32 [tiles, KV heads, n * block size, head size], copies."""
        return self._gathered(self.keys[layer], blocks), self._gathered(self.values[layer], blocks)

    def copy(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Copy blocks, of each (source, destination), in order."""
        for source, destination in pairs:
            self.keys[:, destination] = self.keys[:, source]
            self.values[:, destination] = self.values[:, source]

    @staticmethod
    def _gathered(pool: Tensor, blocks: Tensor) -> Tensor:
        found = pool[blocks]  # [tiles, n, KV heads, block size, head size]
        tiles, count, heads, size, width = found.shape
        return found.transpose(1, 2).reshape(tiles, heads, count * size, width).float()
