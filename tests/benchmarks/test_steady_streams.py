from __future__ import annotations

from benchmarks.generation.stream import Stream
from benchmarks.steady_streams import gaps

from tests.benchmarks.running import printed


def test_gaps_belong_to_the_spans_that_they_touch() -> None:
    streams = [Stream(0, 0.0, [1.0, 2.0, 4.0, 7.0], "", 0, 0, None), Stream(1, 0.0, [3.0, 4.0], "", 0, 0, None)]
    assert gaps(streams, 0.0, 3.5) == [1.0, 2.0, 1.0]
    assert gaps(streams, 4.0, 9.0) == [3.0]


def test_watches_a_server() -> None:
    output = printed(
        "steady_streams", "--peers", "KV half", "--streams", "2", "--tokens", "30", "--long", "300",
        "--apart", "0.05", "--seconds", "1", "--rounds", "1",
    )  # fmt: skip
    name, *cells, verdict = output.splitlines()[-1].strip("| ").split(" | ")
    p50, p99, steady, beside, raised, first = map(float, cells)
    assert name == "ours, blocks, integer, KV half"
    assert 0 < p50 <= p99
    assert beside > 0
    assert first > 0
    assert verdict == ("held" if steady < 1.5 and raised < 3 else "MISSED")
