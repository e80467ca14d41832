"""Experts against a row at a time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from jackfield_plugins.generation.transformers_decoder.experts import run_experts


def experts(gate: bool, bias: bool, transposed: bool, norm: bool) -> Any:
    generator = torch.Generator().manual_seed(0)
    wide = 20 if gate else 10
    first, second = torch.randn(4, wide, 8, generator=generator), torch.randn(4, 8, 10, generator=generator)
    name = "gate_up_proj" if gate else "up_proj"
    return SimpleNamespace(
        **{name: first.transpose(1, 2) if transposed else first, f"{name}_bias": torch.randn(4, wide)},
        down_proj=second.transpose(1, 2) if transposed else second,
        down_proj_bias=torch.randn(4, 8),
        has_gate=gate,
        has_bias=bias,
        is_transposed=transposed,
        has_post_expert_norm=norm,
        act_fn=torch.tanh,
        _apply_gate=lambda rows: torch.tanh(rows[..., :10]) * rows[..., 10:],
        post_expert_norm=lambda rows: rows * 2,
    )


def one(made: Any, row: Tensor, number: int) -> Tensor:
    name = "gate_up_proj" if made.has_gate else "up_proj"
    first, second = getattr(made, name)[number], made.down_proj[number]
    if made.is_transposed:
        first, second = first.T, second.T
    middle = first @ row + (getattr(made, f"{name}_bias")[number] if made.has_bias else 0)
    middle = made._apply_gate(middle) if made.has_gate else made.act_fn(middle)
    result: Tensor = second @ middle + (made.down_proj_bias[number] if made.has_bias else 0)
    return result * 2 if made.has_post_expert_norm else result


@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("norm", [False, True])
def test_each_row_gets_its_experts(gate: bool, bias: bool, transposed: bool, norm: bool) -> None:
    made = experts(gate, bias, transposed, norm)
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(50, 8, generator=generator)
    chosen = torch.stack([torch.randperm(4, generator=generator)[:2] for _ in range(50)])
    weights = torch.rand(50, 2, generator=generator)
    wanted = torch.stack([
        sum((one(made, row, int(e)) * w for e, w in zip(picked, shares, strict=True)), torch.zeros(8))
        for row, picked, shares in zip(rows, chosen, weights, strict=True)
    ])  # fmt: skip
    got = run_experts(made, rows, chosen, weights)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)
    few = run_experts(made, rows[7:10].contiguous(), chosen[7:10], weights[7:10])
    assert torch.equal(few, got[7:10])
