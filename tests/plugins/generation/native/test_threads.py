"""The pool and its phases."""

from __future__ import annotations

import pytest

from jackfield_plugins.generation.native.library import library


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_phases_follow_each_other(threads: int) -> None:
    """No unit is done twice or not at all, none before its phase; also with more threads than processors."""
    assert library().phases(threads, 700) == 0
