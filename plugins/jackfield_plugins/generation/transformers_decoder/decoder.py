"""The decoder that runs a model of transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch

from jackfield import Array
from jackfield.errors import LoadError
from jackfield_plugins.generation.decoder import Decoder, TokenRows
from jackfield_plugins.generation.torch_decoder.attention import SPAN
from jackfield_plugins.generation.torch_decoder.pool import KeyValuePool
from jackfield_plugins.generation.transformers_decoder.opening import Opened
from jackfield_plugins.generation.transformers_decoder.passes import Passes


class TransformersDecoder(Decoder):
    """Runs `opened`, whose attention is ours, in float32 whatever the model computes in.

    `cache`: what keys and values are kept in; `half` is the model's own datatype, or float16 of a model in float32. A
    row's logits are the same bits in any company as far as `steady` finds numbers of rows that agree; `describe` says
    whether it did. Experts and other parts whose sums depend on neighbours keep it from holding.
    """

    def __init__(
        self, opened: Opened, blocks: int, block_size: int = 16, cache: Literal["fp32", "half"] = "fp32"
    ) -> None:
        if SPAN % block_size or blocks < 1:
            raise LoadError(
                f"a pool of {blocks} blocks of {block_size} positions: at least one, of a size that divides {SPAN}"
            )
        self.vocabulary, self.context = opened.vocabulary, opened.context
        self.blocks, self.block_size = blocks, block_size
        self._opened, self._cache = opened, cache
        half = torch.float16 if opened.dtype is torch.float32 else opened.dtype
        with torch.inference_mode():
            self._pool = KeyValuePool(
                [site.cached for site in opened.sites],
                blocks,
                block_size,
                torch.float32 if cache == "fp32" else half,
                opened.device,
            )
        self._passes = Passes(opened.model, opened.sites, self._pool, opened.device)

    def run(self, rows: TokenRows) -> Array:
        """See the base class."""
        if not len(rows.tokens):
            return np.zeros((0, self.vocabulary), np.float32)
        with torch.inference_mode():
            logits: Array = self._passes.run(rows, self._opened.steady.sizes).cpu().numpy()
        return logits

    def copy(self, pairs: Sequence[tuple[int, int]]) -> None:
        """See the base class."""
        with torch.inference_mode():
            self._pool.copy(pairs)

    def describe(self) -> Mapping[str, str]:
        """See the base class."""
        import transformers

        opened = self._opened
        device = opened.device.type
        return {
            "decoder": f"{type(opened.model).__name__} of transformers {transformers.__version__}",
            "arithmetic": str(opened.dtype).removeprefix("torch."),
            "kv": self._cache,
            "device": str(opened.device),
            "instructions": torch.backends.cpu.get_cpu_capability() if device == "cpu" else device,
            "threads": str(torch.get_num_threads()) if device == "cpu" else "the device's",
            "logits": opened.found.describe(),
            "same bits in any company": opened.steady.describe(),
        }
