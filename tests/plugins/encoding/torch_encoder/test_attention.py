"""Attention within texts, against the formula in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jackfield import Array
from jackfield_plugins.encoding.torch_encoder.attention import attend


def formula(rows: Array, heads: int) -> Array:
    """softmax(q k^T / sqrt(size)) v of each head of one text."""
    query, key, value = rows.astype(np.float64).reshape(len(rows), 3, heads, -1).transpose(1, 2, 0, 3)
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    found: Array = (weights / weights.sum(-1, keepdims=True)) @ value
    return found.transpose(1, 0, 2).reshape(len(rows), -1)


@pytest.mark.parametrize("lengths", [[1], [5], [1, 1, 1], [3, 40, 1, 17], [200, 2]])
@pytest.mark.parametrize(("heads", "size"), [(1, 8), (4, 12), (3, 5)])
def test_each_text_attends_to_itself(lengths: list[int], heads: int, size: int) -> None:
    rows = torch.randn(sum(lengths), 3 * heads * size, generator=torch.Generator().manual_seed(1))
    found = attend(rows, lengths, heads).numpy()
    parts = np.split(rows.numpy(), np.cumsum(lengths)[:-1])
    np.testing.assert_allclose(found, np.concatenate([formula(part, heads) for part in parts]), atol=2e-6)


def test_no_texts() -> None:
    assert attend(torch.zeros(0, 12), [], 2).shape == (0, 4)
