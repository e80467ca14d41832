"""What is simulated is the same each time: so that `adaptive` is ahead can be held."""

from __future__ import annotations

import pytest
from benchmarks.changing import policies
from benchmarks.simulated import simulated

from tests.benchmarks.running import printed, row


@pytest.mark.parametrize(("device", "target"), [("minilm", 0.1), ("device", 0.05)])
def test_adaptive_answers_more_in_time_than_any_window_that_stays(device: str, target: float) -> None:
    found = simulated(device, policies(target, (0, 3, 10), (8, 16, 32)), 3, target)
    good = {name: sum(by_phase) for name, by_phase in found.items()}
    adaptive = good.pop("adaptive")
    assert len(good) == 9
    assert adaptive > max(good.values()), (adaptive, good)


def test_servers_take_turns() -> None:
    output = printed("changing", "--seconds", "0.5", "--windows-ms", "3", "--rows", "16")
    assert int(row(output, "adaptive  ")[0]) > 0
    assert int(row(output, "16 rows, 3 ms  ")[0]) > 0
