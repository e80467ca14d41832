from __future__ import annotations

from tests.benchmarks.running import printed


def test_both_placements_are_compared() -> None:
    text = printed("placement", "--rounds", "1", "--requests", "4")
    assert "| 1 KB | " in text
    assert "| 1 MB | " in text
    assert "requests/s: one process" in text
