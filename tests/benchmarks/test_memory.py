from __future__ import annotations

from tests.benchmarks.running import printed, row


def test_every_kind_is_answered_as_it_should_be() -> None:
    output = printed("memory", "--answered", "4000", "--refused", "5000", "--samples", "10")
    for kind, count in (
        ("answered", 4000),
        ("malformed JSON", 1000),
        ("wrong shape", 1000),
        ("unknown model", 1000),
        ("too large", 1000),
    ):
        assert row(output, kind)[:2] == [str(count), str(count)]
    shed = int(row(output, "shed by a full queue")[1])
    assert 500 < shed < 1000
