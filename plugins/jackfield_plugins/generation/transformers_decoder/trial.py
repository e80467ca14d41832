"""A model is tried when it is opened: in parts, in company and far into its context it says what transformers says.

What a model does is nowhere promised to follow from rows, positions and keys alone: it may count rows, look at
neighbours, or add something to its attention. So it is run both ways, and a model that differs is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jackfield import Array
from jackfield.errors import LoadError
from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.transformers_decoder.passes import Passes, Sizes

TOKENS = 40
"""Of each of two sequences, one at the beginning of the context, one at its end."""
_STEPS = ((7, 0), (1, 20), (20, 1), (12, 19))
_EXACT, _ROUNDED = 1e-3, 0.1


@dataclass(frozen=True, slots=True)
class Found:
    """Root mean squares of differences of logits, over the spread of logits: of the row that differs most, and `whole`,
    of all rows."""

    difference: float
    whole: float

    def describe(self) -> str:
        """For people."""
        return f"within {self.difference:.1e} of transformers' own"


def compare(
    name: str, passes: Passes, own: Callable[[Tensor, int], Tensor], vocabulary: int, context: int, half: bool
) -> Found:
    """Run two sequences both ways. `own`: transformers' logits of tokens that begin at a position. `half`: whether the
    model computes in halves, which differ by what is rounded. Raises LoadError if the logits differ by more."""
    count = min(TOKENS, context)
    drawn = torch.randint(vocabulary, (2, count), generator=torch.Generator().manual_seed(0))
    shifts = np.array([0, context - count], np.int64)
    wanted = torch.stack([own(drawn[line], int(shifts[line])) for line in range(2)]).cpu()
    got = _stepwise(passes, drawn.numpy().astype(np.int32), shifts)
    spread = (wanted - wanted.mean(-1, keepdim=True)).square().mean().sqrt()
    rows = (got - wanted).square().mean(-1)
    worst, whole = float(rows.max().sqrt() / spread), float(rows.mean().sqrt() / spread)
    found = Found(worst, whole)
    if not (whole <= _ROUNDED if half else worst <= _EXACT):
        raise LoadError(
            f"{name} gives other logits when it is run row by row over blocks, by {worst:.1e} of their spread: it does "
            "something that does not follow from its rows, their positions and their keys"
        )
    return found


def _stepwise(passes: Passes, tokens: Array, shifts: Array) -> Tensor:
    count, size = tokens.shape[1], passes.pool.block_size
    each = -(-count // size)
    tables = np.arange(2 * each, dtype=np.int32).reshape(each, 2).T.copy()
    found: list[list[Tensor]] = [[], []]
    done = [0, 0]
    for step in _STEPS:
        ends = [min(done[line] + step[line], count) for line in range(2)]
        positions = [np.arange(done[line], ends[line], dtype=np.int32) for line in range(2)]
        done = ends
        if not sum(map(len, positions)):
            continue
        lines = np.repeat(np.arange(2, dtype=np.int32), [len(part) for part in positions])
        where = np.concatenate(positions)
        rows = TokenRows(tokens[lines, where], where, lines, tables, np.arange(len(where), dtype=np.int32))
        logits = passes.run(rows, Sizes((8, 32), 1, 32), shifts).cpu()
        for line in range(2):
            found[line].append(logits[torch.from_numpy(lines == line)])
    return torch.stack([torch.cat(one) for one in found])
