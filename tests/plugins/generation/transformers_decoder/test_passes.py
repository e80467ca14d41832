"""How rows are cut into passes."""

from __future__ import annotations

import pytest

from jackfield_plugins.generation.transformers_decoder.passes import parts


@pytest.mark.parametrize(
    ("rows", "cut"),
    [
        (0, []),
        (1, [(0, 4)]),
        (4, [(0, 4)]),
        (5, [(0, 16)]),
        (16, [(0, 16)]),
        (17, [(0, 16), (16, 4)]),
        (40, [(0, 16), (16, 16), (32, 16)]),
    ],
)
def test_parts(rows: int, cut: list[tuple[int, int]]) -> None:
    assert list(parts(rows, (4, 16))) == cut
