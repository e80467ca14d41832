"""The tokens of a step's texts, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jackfield import Array


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """`tokens` and `positions`: int64 [tokens], text after text. `lengths`: int64 [texts], none of them 0."""

    tokens: Array
    positions: Array
    lengths: Array


def packed(texts: Sequence[Array]) -> Packed:
    """Pack `texts`, each an integer array [tokens] that is not empty."""
    lengths = np.array([len(text) for text in texts], np.int64)
    tokens = np.concatenate([np.zeros(0, np.int64), *texts], dtype=np.int64)
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return Packed(tokens, np.arange(len(tokens), dtype=np.int64) - starts, lengths)
