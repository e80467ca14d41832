"""Numbers of rows with which a whole model gives each row the same bits, tried when it is opened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jackfield import Array
from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.transformers_decoder.passes import Passes, Sizes

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_PASSES = 6
"""With each number of rows, at most."""


@dataclass(frozen=True, slots=True)
class Steady:
    """`sizes`: what steps are run with. `holds`: whether a row's bits were the same in every trial."""

    sizes: Sizes
    holds: bool

    def describe(self) -> str:
        """For people."""
        sizes = ", ".join(str(size) for size in self.sizes.rows)
        about = f"rows in {sizes}; queries in {self.sizes.small} and {self.sizes.large}"
        return f"yes ({about})" if self.holds else f"no: the model's sums depend on a row's place ({about})"


def lengths(context: int) -> list[int]:
    """Of the sequences of a trial: together the largest number of rows."""
    found, left = [], SIZES[-1]
    for length in (3, 50, 1, 20, *([17] * SIZES[-1])):
        taken = min(length, context, left)
        if taken:
            found.append(taken)
        left -= taken
    return found


def steady(passes: Passes, vocabulary: int, context: int, small: int, large: int, attends: bool) -> Steady:
    """Try each number of rows over random tokens. `small`, `large`, `attends`: what attention was found to hold with.
    The pool must have room for the sequences of `lengths`."""
    trial = _Trial(passes, vocabulary, context, small, large)
    whole = range(len(trial.lengths))
    reference = trial.logits(list(whole), SIZES[-1])
    rolled = trial.logits([*whole[1:], 0], SIZES[-1])
    first = trial.lengths[0]
    holds = attends and torch.equal(torch.cat([rolled[-first:], rolled[:-first]]), reference)
    good = [size for size in SIZES[:-1] if _same(trial, list(whole), size, reference)]
    # where nothing holds there is nothing to be gained by few numbers
    return Steady(Sizes((*good, SIZES[-1]) if holds else SIZES, small, large), holds)


def _same(trial: _Trial, lines: list[int], size: int, reference: Tensor) -> bool:
    got = trial.logits(lines, size, _PASSES * size)
    return torch.equal(got, reference[: len(got)])


class _Trial:
    def __init__(self, passes: Passes, vocabulary: int, context: int, small: int, large: int) -> None:
        self.lengths = lengths(context)
        self._passes, self._small, self._large = passes, small, large
        random = np.random.default_rng(0)
        self._tokens = [random.integers(0, vocabulary, length).astype(np.int32) for length in self.lengths]
        each = [-(-length // passes.pool.block_size) for length in self.lengths]
        self._tables = np.zeros((len(each), max(each)), np.int32)
        used = 0
        for line, count in enumerate(each):
            self._tables[line, :count] = np.arange(used, used + count)
            used += count

    def logits(self, lines: list[int], size: int, most: int | None = None) -> Tensor:
        """Of all tokens of `lines`, or the first `most` of them, in passes of `size` rows."""
        rows = TokenRows(
            _joined([self._tokens[line] for line in lines])[:most],
            _joined([np.arange(self.lengths[line]) for line in lines])[:most],
            _joined([np.full(self.lengths[line], line) for line in lines])[:most],
            self._tables,
            np.arange(sum(self.lengths), dtype=np.int32)[:most],
        )
        return self._passes.run(rows, Sizes((size,), self._small, self._large)).clone()


def _joined(arrays: list[Array]) -> Array:
    return np.concatenate(arrays).astype(np.int32)
