"""Numbers of rows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from jackfield_plugins.generation.torch_decoder.tiles import SIZES, Pieces, agreeing

CPU = torch.device("cpu")


@pytest.mark.parametrize("rows", [0, 1, 4, 5, 128, 129, 300])
def test_rows_go_into_pieces_and_come_back(rows: int) -> None:
    pieces = Pieces(rows, (4, 16, 128))
    given = torch.randn(rows, 3)
    filled = pieces.filled(given)
    assert all(len(piece) in (4, 16, 128) for piece in filled)
    assert sum(len(piece) for piece in filled) < rows + 128
    assert all(piece.data_ptr() != given.data_ptr() for piece in filled)
    back = pieces.joined(filled)
    assert (back.numel() == 0) if rows == 0 else torch.equal(back, given)
    assert float(sum((piece.abs().sum() for piece in filled), torch.tensor(0.0))) == pytest.approx(
        float(given.abs().sum())
    )


def test_what_treats_every_row_alike_agrees_everywhere() -> None:
    assert agreeing(lambda rows: rows * 3, 8, CPU) == (SIZES, True)


def test_a_function_that_looks_at_the_number_of_rows_is_found_out() -> None:
    def odd(rows: Tensor) -> Tensor:
        return rows * (1.5 if len(rows) in (4, 24) else 3)

    assert agreeing(odd, 8, CPU) == (tuple(size for size in SIZES if size not in (4, 24)), True)


def test_a_function_that_looks_at_the_place_of_a_row_is_found_out() -> None:
    def leaning(rows: Tensor) -> Tensor:
        return rows + torch.arange(len(rows))[:, None]

    assert agreeing(leaning, 8, CPU)[1] is False
