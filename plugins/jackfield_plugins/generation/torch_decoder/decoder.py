"""The decoder that joins the parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from jackfield import Array
from jackfield.errors import LoadError
from jackfield_plugins.generation.decoder import Decoder, TokenRows
from jackfield_plugins.generation.spec import DecoderSpec
from jackfield_plugins.generation.torch_decoder.attention import SPAN, Scoring, attend
from jackfield_plugins.generation.torch_decoder.layer import Heads, TorchLayer, rms_norm
from jackfield_plugins.generation.torch_decoder.packing import pack
from jackfield_plugins.generation.torch_decoder.pool import Cached, KeyValuePool
from jackfield_plugins.generation.torch_decoder.rotation import Rotation
from jackfield_plugins.generation.torch_decoder.steady import Steady
from jackfield_plugins.generation.torch_decoder.tiles import Pieces
from jackfield_plugins.generation.torch_decoder.weights import Storage, TorchLinear, tensor_of


class TorchDecoder(Decoder):
    """Runs a DecoderSpec with PyTorch's own operations, arithmetic in float32.

    `storage`: what weights are kept in; `auto` is what the checkpoint has, quantised ones as float32. `cache`: what
    keys and values are kept in. A row's logits are the same bits in any company as far as the trial in `steady` finds
    numbers of rows that agree; `describe` says whether it did.
    """

    def __init__(
        self,
        spec: DecoderSpec,
        blocks: int,
        block_size: int = 16,
        storage: Storage = "auto",
        cache: Literal["fp32", "half"] = "fp32",
        device: str = "cpu",
    ) -> None:
        if SPAN % block_size or blocks < 1:
            raise LoadError(
                f"a pool of {blocks} blocks of {block_size} positions: at least one, of a size that divides {SPAN}"
            )
        self._spec, self.blocks, self.block_size = spec, blocks, block_size
        self.vocabulary, self.context = spec.vocabulary, spec.context
        self._device = torch.device(device)
        self._about = {"storage": storage, "kv": cache, "device": device}
        with torch.inference_mode():
            self._layers = [TorchLayer(layer, spec, storage, self._device) for layer in spec.layers]
            self._norm = tensor_of(spec.norm, self._device)
            self._head = TorchLinear(spec.head, storage, self._device)
            tied = spec.head.weight is spec.embedding
            self._embedding = self._head.weight if tied else tensor_of(spec.embedding, self._device)
            dtype = torch.float32 if cache == "fp32" else torch.float16
            cached = [Cached(spec.key_value_heads, spec.head_size, spec.head_size)] * len(spec.layers)
            self._pool = KeyValuePool(cached, blocks, block_size, dtype, self._device)
            self._scoring = [Scoring(spec.head_size**-0.5, layer.window) for layer in spec.layers]
            self._rotation = Rotation(spec.rope, min(spec.context, blocks * block_size), self._device)
            self._steady = Steady.tried(spec, self._layers[0], self._logits, self._device)

    def run(self, rows: TokenRows) -> Array:
        """See the base class."""
        with torch.inference_mode():
            return self._run(rows)

    def copy(self, pairs: Sequence[tuple[int, int]]) -> None:
        """See the base class."""
        with torch.inference_mode():
            self._pool.copy(pairs)

    def describe(self) -> Mapping[str, str]:
        """See the base class."""
        threads = str(torch.get_num_threads()) if self._device.type == "cpu" else "the device's"
        instructions = torch.backends.cpu.get_cpu_capability() if self._device.type == "cpu" else self._device.type
        stored = str(self._head.weight.dtype).removeprefix("torch.")
        return {
            "decoder": f"torch {torch.__version__}",
            **self._about,
            "weights": stored,
            "arithmetic": "float32",
            "instructions": instructions,
            "threads": threads,
            "same bits in any company": self._steady.describe(),
        }

    def _run(self, rows: TokenRows) -> Array:
        if not len(rows.tokens):
            return np.zeros((0, self.vocabulary), np.float32)
        pieces = Pieces(len(rows.tokens), self._steady.sizes)
        tokens, positions = self._on_device(rows.tokens), self._on_device(rows.positions)
        lines, tables = self._on_device(rows.lines), self._on_device(rows.tables)
        blocks, offsets = tables[lines, positions // self.block_size], positions % self.block_size
        tiles = pack(rows, self._steady.small, self._steady.large, self.block_size, self._device)
        states = pieces.filled(self._embedding[tokens].float())
        angles = [self._rotation.of(part) for part in pieces.filled(positions)]
        for number, layer in enumerate(self._layers):
            heads = [layer.before(state, self._rotation, turn) for state, turn in zip(states, angles, strict=True)]
            queries, keys, values = (pieces.joined([getattr(one, name) for one in heads]) for name in Heads.__slots__)
            self._pool.write(number, blocks, offsets, keys, values)
            attended = queries.new_empty(len(tokens), self._spec.heads * self._spec.head_size)
            for part in tiles:
                attended[part.rows] = attend(self._pool, number, queries, part, self._scoring[number])
            states = [layer.after(state, part) for state, part in zip(states, pieces.filled(attended), strict=True)]
        return self._wanted(pieces.joined(states)[self._on_device(rows.wanted)])

    def _wanted(self, rows: Tensor) -> Array:
        pieces = Pieces(len(rows), self._steady.sizes)
        logits: Array = pieces.joined([self._logits(part) for part in pieces.filled(rows)]).cpu().numpy()
        return logits.reshape(len(rows), self.vocabulary)

    def _logits(self, rows: Tensor) -> Tensor:
        return self._head(rms_norm(rows, self._norm, self._spec.epsilon))

    def _on_device(self, array: Array) -> Tensor:
        return torch.from_numpy(array).to(device=self._device, dtype=torch.int64)
