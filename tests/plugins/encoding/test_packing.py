"""Packing a step's texts."""

from __future__ import annotations

import numpy as np

from jackfield_plugins.encoding.packing import packed


def test_texts_stand_one_below_the_other() -> None:
    step = packed([np.array([7, 8, 9]), np.array([5], np.int32), np.array([6, 6])])
    assert step.tokens.tolist() == [7, 8, 9, 5, 6, 6]
    assert step.positions.tolist() == [0, 1, 2, 0, 0, 1]
    assert step.lengths.tolist() == [3, 1, 2]
    assert {array.dtype for array in (step.tokens, step.positions, step.lengths)} == {np.dtype(np.int64)}


def test_nothing() -> None:
    step = packed([])
    assert [array.shape for array in (step.tokens, step.positions, step.lengths)] == [(0,), (0,), (0,)]
