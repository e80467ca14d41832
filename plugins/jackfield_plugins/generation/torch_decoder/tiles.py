"""Numbers of rows that a product of matrices is run with, so that a row's sums come out the same in any company.

A library of matrix products chooses its kernel, and so the order of its sums, by the number of rows. Which numbers
agree is nowhere promised, so it is tried: with a layer's own weights, on this machine, when a decoder is opened. Steps
are then run with these numbers only, filled up with rows of zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

SIZES = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""What is tried. Between neighbours little is filled up; beyond the last nothing is gained."""
_SHIFTS = (0, 5)


def agreeing(
    function: Callable[[Tensor], Tensor], inputs: int, device: torch.device, sizes: Sequence[int] = SIZES
) -> tuple[tuple[int, ...], bool]:
    """Those of `sizes` (ascending) with which `function` ([rows, inputs] to [rows, outputs]) gives each row the same
    bits as with the largest, wherever the row stands; and whether that holds for the largest itself, without which
    nothing does."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(sizes[-1], inputs, generator=generator).to(device)
    reference = function(rows)
    good = tuple(size for size in sizes[:-1] if _agrees(function, rows, reference, size))
    steady = all(torch.equal(function(rows.roll(shift, 0)), reference.roll(shift, 0)) for shift in (1, 70))
    return (*good, sizes[-1]), steady


def _agrees(function: Callable[[Tensor], Tensor], rows: Tensor, reference: Tensor, size: int) -> bool:
    return all(torch.equal(function(rows[at : at + size].clone()), reference[at : at + size]) for at in _SHIFTS)


class Pieces:
    """Rows cut into pieces of one of `sizes` (ascending), the last one filled up with rows of zeros."""

    def __init__(self, rows: int, sizes: Sequence[int]) -> None:
        largest = sizes[-1]
        self._counts = [largest] * (rows // largest)
        self._sizes = list(self._counts)
        if left := rows % largest:
            self._counts.append(left)
            self._sizes.append(next(size for size in sizes if size >= left))

    def filled(self, rows: Tensor) -> list[Tensor]:
        """The pieces of `rows`, each in memory of its own: a view may lie otherwise, and be summed otherwise."""
        pieces = []
        for part, size in zip(torch.split(rows, self._counts) if self._counts else (), self._sizes, strict=True):
            piece = rows.new_zeros(size, *rows.shape[1:])
            piece[: len(part)] = part
            pieces.append(piece)
        return pieces

    def joined(self, pieces: Sequence[Tensor]) -> Tensor:
        """The rows of the pieces, without those that were filled up; of no pieces, an empty tensor."""
        parts = [piece[:count] for piece, count in zip(pieces, self._counts, strict=True)]
        return torch.cat(parts) if parts else torch.empty(0)
