"""Attention within each text, one text after the other, so that no text's sums depend on who else is there."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def attend(projected: Tensor, lengths: Sequence[int], heads: int) -> Tensor:
    """What each row attends to within its text: [rows, hidden].

    `projected`: [rows, 3 * hidden], queries, keys and values beside each other; `lengths`: rows of each text, in order.
    """
    attended = projected.new_empty(len(projected), projected.shape[1] // 3)
    end = 0
    for length in lengths:
        start, end = end, end + length
        query, key, value = projected[start:end].view(length, 3, 1, heads, -1).permute(1, 2, 3, 0, 4)
        found = F.scaled_dot_product_attention(query, key, value)
        attended[start:end].view(length, heads, -1).copy_(found[0].transpose(0, 1))
    return attended
