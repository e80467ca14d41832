"""Experts of a model, each run over its rows in pieces of one size.

How many rows an expert gets depends on who shares the step, and the order of a product's sums on how many rows it has.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_PIECE = 16
"""Rows: a lone row costs little more than one, since reading the weights is what takes its time."""


def run_experts(experts: Any, rows: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
    """[rows, hidden] to [rows, hidden]. `chosen`, `weights`: [rows, n], the experts of each row and what each counts
    for. `experts` is a module that transformers has prepared for functions of this kind."""
    found = rows.new_zeros(*chosen.shape, rows.shape[1])
    for expert in sorted(set(chosen.flatten().tolist())):
        row, place = torch.nonzero(chosen == expert, as_tuple=True)
        for at in range(0, len(row), _PIECE):
            part, where = row[at : at + _PIECE], place[at : at + _PIECE]
            piece = rows.new_zeros(_PIECE, rows.shape[1])
            piece[: len(part)] = rows[part]
            found[part, where] = _expert(experts, expert, piece)[: len(part)]
    return (found * weights[..., None]).sum(1).to(rows.dtype)


def _expert(experts: Any, number: int, rows: Tensor) -> Tensor:
    first = "gate_up_proj" if experts.has_gate else "up_proj"
    middle = _linear(experts, first, number, rows)
    middle = experts._apply_gate(middle) if experts.has_gate else experts.act_fn(middle)
    result = _linear(experts, "down_proj", number, middle)
    if experts.has_post_expert_norm:
        result = experts.post_expert_norm(result)
    return result


def _linear(experts: Any, name: str, number: int, rows: Tensor) -> Tensor:
    weight = getattr(experts, name)[number]
    result = F.linear(rows, weight.T if experts.is_transposed else weight)
    return result + getattr(experts, f"{name}_bias")[number] if experts.has_bias else result
