"""The rows of a text's tokens become one. In NumPy, whose sums go through a text from its first token to its last."""

from __future__ import annotations

import numpy as np

from jackfield import Array
from jackfield_plugins.encoding.spec import Pooling

_SHORTEST = 1e-12  # a vector of nothing but zeros has no direction, and stays as it is


def pooled(rows: Array, lengths: Array, how: Pooling, normalize: bool) -> Array:
    """float32 [texts, hidden] of `rows`, float32 [tokens, hidden]. `lengths`: int64 [texts], none of them 0, how many
    rows each text has, in order. `normalize`: to unit length."""
    ends = np.cumsum(lengths)
    starts = ends - lengths
    if not len(lengths):
        return rows[:0].copy()
    if how == "mean":
        found = np.add.reduceat(rows, starts, 0) / lengths[:, None].astype(np.float32)
    elif how == "max":
        found = np.maximum.reduceat(rows, starts, 0)
    else:
        found = rows[starts if how == "cls" else ends - 1]
    if normalize:
        found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), np.float32(_SHORTEST))
    return found
