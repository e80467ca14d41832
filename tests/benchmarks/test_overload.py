from __future__ import annotations

from tests.benchmarks.running import printed, row


def test_client_and_server_count_the_same() -> None:
    output = printed("overload", "--seconds", "2")
    assert "holds: client and server count the same, and everything accepted was answered" in output.splitlines()
    for kind in ("answered", "shed"):
        by_client, by_server, *_ = row(output, kind)
        assert int(by_client) == int(by_server) > 0
