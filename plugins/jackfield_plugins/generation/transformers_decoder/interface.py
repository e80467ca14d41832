"""Where transformers calls us: functions for attention, masks and experts under a name of ours.

Whatever model runs, its attention comes here, and finds what is running on this thread: a probe or a part of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from jackfield_plugins.generation.transformers_decoder.experts import run_experts

NAME = "jackfield"
"""What the implementation of attention, and of experts, is called in a model's configuration."""
MaskFunction = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""Of a batch's, a head's, a query's and a key's number, whether that query attends to that key."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call of a module's attention. `queries`, `keys`, `values`: [rows, heads, size], whose heads and sizes may
    differ. `mask`: what our mask function gave for it. `sinks`: [heads]. `others`: arguments of other names."""

    module: torch.nn.Module
    queries: Tensor
    keys: Tensor
    values: Tensor
    mask: Tensor | None
    scale: Any
    softcap: Any
    sinks: Tensor | None
    causal: bool
    others: Mapping[str, Any]


class Running(Protocol):
    """What a model runs for at the moment."""

    def attended(self, call: Call) -> Tensor:
        """What the rows attend to: [rows, heads, size of a value], in the datatype of the queries."""

    def mask(self, function: MaskFunction) -> Tensor | None:
        """What stands for the mask that `function` computes."""


RUNNING: ContextVar[Running] = ContextVar("jackfield.transformers.running")


def register() -> None:
    """Make the name known to transformers. More often than once does nothing."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.moe import ExpertsInterface

    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, _mask)
    ExpertsInterface.register(NAME, run_experts)


def take_over(model: Any) -> None:
    """Let `model` attend, and run its experts, by our functions from now on."""
    model.set_attn_implementation(NAME)
    if model._can_set_experts_implementation():
        model.set_experts_implementation(NAME)


def give_back(model: Any) -> None:
    """Let `model` attend, and run its experts, as it does by itself."""
    model.set_attn_implementation("eager")
    if model._can_set_experts_implementation():
        model.set_experts_implementation("eager")


def _attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None = None,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    is_causal: bool | None = None,
    sliding_window: int | None = None,  # in the mask as well, and only there in every model
    dropout: float = 0.0,  # nothing is trained here
    **others: Any,
) -> tuple[Tensor, None]:
    queries, keys, values = (heads[0].transpose(0, 1) for heads in (query, key, value))
    scale = queries.shape[-1] ** -0.5 if scaling is None else scaling
    causal = bool(getattr(module, "is_causal", True) if is_causal is None else is_causal)
    call = Call(module, queries, keys, values, attention_mask, scale, softcap, s_aux, causal, others)
    return RUNNING.get().attended(call)[None], None


def _mask(*, mask_function: MaskFunction, **others: Any) -> Tensor | None:
    return RUNNING.get().mask(mask_function)
