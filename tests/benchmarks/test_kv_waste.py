from __future__ import annotations

from tests.benchmarks.running import printed, row


def test_little_of_the_cache_is_held_in_vain() -> None:
    words = row(printed("kv_waste", "--requests", "48", "--clients", "8", "--every-ms", "2"), "waste  ")
    assert words[0] == "mean"
    assert 0 < float(words[1].rstrip("%")) < 4
    assert words[-2:] == ["below", "4%"]
