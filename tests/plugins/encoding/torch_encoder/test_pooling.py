"""Pooling, against loops in float64."""

from __future__ import annotations

import numpy as np
import pytest

from jackfield_plugins.encoding.spec import Pooling
from jackfield_plugins.encoding.torch_encoder.pooling import pooled

LENGTHS = np.array([3, 1, 7, 512], np.int64)
ROWS = np.random.default_rng(0).normal(1, 1, (int(LENGTHS.sum()), 6)).astype(np.float32)


@pytest.mark.parametrize("how", ["mean", "cls", "max", "last"])
@pytest.mark.parametrize("normalize", [True, False])
def test_each_text_by_itself(how: Pooling, normalize: bool) -> None:
    found = pooled(ROWS, LENGTHS, how, normalize)
    assert found.shape == (4, 6)
    assert found.dtype == np.float32
    for part, got in zip(np.split(ROWS.astype(np.float64), np.cumsum(LENGTHS)[:-1]), found, strict=True):
        expected = {"mean": part.mean(0), "cls": part[0], "max": part.max(0), "last": part[-1]}[how]
        np.testing.assert_allclose(got, expected / np.linalg.norm(expected) if normalize else expected, rtol=1e-5)


def test_zeros_have_no_direction() -> None:
    assert pooled(np.zeros((2, 3), np.float32), np.array([2]), "mean", True).tolist() == [[0, 0, 0]]


def test_the_rows_are_left_as_they_are() -> None:
    before = ROWS.copy()
    pooled(ROWS, LENGTHS, "cls", True)
    np.testing.assert_array_equal(ROWS, before)


def test_no_texts() -> None:
    assert pooled(ROWS[:0], LENGTHS[:0], "mean", True).shape == (0, 6)
