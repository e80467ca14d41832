"""The pool's barrier."""

from __future__ import annotations

import pytest

from jackfield_plugins.generation.native.library import library


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_all_meet(threads: int) -> None:
    """Nobody passes before all have come, also with more threads than processors, which must then sleep."""
    assert library().meetings(threads, 300) == 0
