"""What masks come to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from jackfield_plugins.generation.transformers_decoder.interface import MaskFunction
from jackfield_plugins.generation.transformers_decoder.masks import UnservedMask, window_of

LOOKED_UP = torch.ones(4, dtype=torch.bool)


def causal(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
    return key <= query


def window(size: int) -> MaskFunction:
    return lambda batch, head, query, key: (key <= query) & (key > query - size)


@pytest.mark.parametrize("context", [1, 2, 9, 1000])
def test_all_that_came_before(context: int) -> None:
    assert window_of(causal, context) == 0


@pytest.mark.parametrize(("size", "found"), [(1, 1), (7, 7), (999, 999), (1000, 0), (5000, 0)])
def test_windows(size: int, found: int) -> None:
    assert window_of(window(size), 1000) == found


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda batch, head, query, key: key >= 0, "attends to what comes after a token"),
        (lambda batch, head, query, key: key <= query + 1, "attends to what comes after a token"),
        (lambda batch, head, query, key: (key <= query) & (key // 64 == query // 64), "attends neither to all"),
        (lambda batch, head, query, key: (key <= query) & ((key < 4) | (key > query - 9)), "attends neither to all"),
        (lambda batch, head, query, key: (key <= query) & LOOKED_UP[key], "attends by what its inputs hold"),
    ],
)
def test_anything_else_is_refused(function: MaskFunction, why: str) -> None:
    with pytest.raises(UnservedMask, match=f"^{why}"):
        window_of(function, 1000)
