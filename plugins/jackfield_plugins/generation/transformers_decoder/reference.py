"""What transformers itself computes, with attention of its own, anywhere in the context."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from jackfield_plugins.generation.transformers_decoder.interface import give_back, take_over


class _Far(DynamicCache):
    """A cache that says it has seen `seen` tokens, and holds none of them: what is run with it stands behind them, and
    attends to itself alone. A model that counts positions by itself counts as it would in a long text."""

    def __init__(self, seen: int) -> None:
        super().__init__()
        self._seen = seen

    def update(self, key_states: Tensor, value_states: Tensor, *others: Any, **more: Any) -> tuple[Tensor, Tensor]:
        return key_states, value_states

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self._seen

    def get_query_offset(self, layer_idx: int = 0) -> int:
        return self._seen

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        return query_length, self._seen


def reference(model: Any, tokens: Tensor, start: int) -> Tensor:
    """Logits of `tokens` ([n]), float32 [n, vocabulary], which begin at position `start` and attend to nothing before
    it. The model runs by our functions afterwards."""
    give_back(model)
    try:
        positions = torch.arange(start, start + len(tokens), device=tokens.device)[None]
        result = model(input_ids=tokens[None], position_ids=positions, cache=_Far(start), use_cache=True)
    finally:
        take_over(model)
    logits: Tensor = result.logits[0].float()
    return logits
