"""What was tried when a decoder was opened, and what it came to: the numbers of rows that steps are run with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jackfield_plugins.generation.spec import DecoderSpec, Rope
from jackfield_plugins.generation.torch_decoder.attention_trial import LARGE, queries_in_a_tile
from jackfield_plugins.generation.torch_decoder.layer import TorchLayer
from jackfield_plugins.generation.torch_decoder.pool import Cached
from jackfield_plugins.generation.torch_decoder.rotation import Rotation
from jackfield_plugins.generation.torch_decoder.tiles import SIZES, agreeing


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
        shape = spec.heads, Cached(spec.key_value_heads, spec.head_size, spec.head_size)
        small, attends = queries_in_a_tile([shape], device)
        return cls(sizes, small, LARGE, all(steady for _, steady in found) and attends)

    def describe(self) -> str:
        """For people."""
        sizes = ", ".join(str(size) for size in self.sizes)
        about = f"rows in {sizes}; queries in {self.small} and {self.large}"
        return (
            f"yes ({about})" if self.holds else f"no: this machine's matrix products depend on a row's place ({about})"
        )
