"""Policy `adaptive`: finds the size that does the most, follows it when it changes, and never waits for nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from jackfield import Step
from jackfield_plugins.batching.adaptive import Adaptive, AdaptiveOptions
from jackfield_plugins.batching.pace import Pace
from tests.plugins.batching.closed import Clients


def _adaptive(**options: float | None) -> Adaptive:
    return Adaptive(AdaptiveOptions(**options))  # type: ignore[arg-type]


def minilm(step: Step) -> float:
    """What a step of an encoder takes on two cores: the best batch is 16, beyond it caches are too small."""
    rows = step.rows
    return 0.005 + 0.0047 * rows if rows <= 16 else 0.005 + 0.0055 * rows


def _usual(steps: list[int]) -> int:
    return Counter(steps).most_common(1)[0][0]


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("clients", [32, 64])
def test_the_best_batch_is_found_and_not_the_largest(clients: int, lanes: int) -> None:
    load = Clients(_adaptive(max_batch_size=32), clients, duration=minilm, lanes=lanes)
    load.run(20.0)
    assert _usual(load.run(10.0)) == 16


def test_it_follows_a_device_that_changes() -> None:
    best = 16

    def duration(step: Step) -> float:
        return 0.005 + 0.002 * step.rows + (0.01 * (step.rows - best) if step.rows > best else 0.0)

    load = Clients(_adaptive(max_batch_size=32), 64, duration=duration)
    load.run(10.0)
    assert _usual(load.run(5.0)) == 16
    best = 4
    load.run(20.0)
    assert _usual(load.run(5.0)) == 4


def test_one_client_never_waits() -> None:
    load = Clients(_adaptive(max_batch_size=32, max_delay_ms=50.0), 1)
    steps = load.run(2.0)
    assert set(steps) == {1}
    assert max(load.delays()) == pytest.approx(0.0, abs=1e-9)


def test_eight_clients_share_their_steps_where_that_pays() -> None:
    load = Clients(_adaptive(max_batch_size=32), 8, duration=minilm)
    load.run(2.0)
    assert _usual(load.run(2.0)) == 8


def test_nobody_is_waited_for_where_a_larger_step_gains_nothing() -> None:
    """Each row costs the same: then a step that is filled up does no more a second, and waiting is a loss."""
    load = Clients(_adaptive(max_batch_size=32), 4, think=0.002, jitter=0.001, duration=lambda step: 0.004 * step.rows)
    load.run(2.0)
    before = len(load.delays())
    load.run(2.0)
    waits = load.delays()[before:]
    assert sorted(waits)[len(waits) // 2] < 0.013  # what is ahead of it in the closed loop, and no window besides


def test_a_target_makes_steps_smaller() -> None:
    def rows(target: float | None) -> int:
        load = Clients(
            _adaptive(max_batch_size=32, target_p99_ms=target), 16, duration=lambda s: 0.005 + 0.001 * s.rows
        )
        load.run(10.0)
        return _usual(load.run(5.0))

    assert rows(None) == 16
    assert rows(20.0) < 16


def test_where_no_step_keeps_the_target_the_most_is_done() -> None:
    load = Clients(_adaptive(max_batch_size=32, target_p99_ms=4.0), 64, duration=lambda s: 0.005 + 0.001 * s.rows)
    load.run(10.0)
    assert _usual(load.run(5.0)) == 32


def test_a_single_slow_step_is_no_news() -> None:
    pace = Pace((1, 2, 4), 0.2)
    for _ in range(10):
        pace.learn(4, 0.01)
    pace.learn(4, 5.0)
    assert pace.seconds(4) == pytest.approx(0.012)


@pytest.mark.parametrize(("rows", "seconds"), [(1, 0.01), (4, 0.01), (8, 0.02), (6, 0.015), (16, 0.04)])
def test_sizes_that_were_not_measured_are_between_those_that_were(rows: int, seconds: float) -> None:
    pace = Pace((4, 8), 0.2)
    pace.learn(4, 0.01)
    pace.learn(8, 0.02)
    assert pace.seconds(rows) == pytest.approx(seconds)


def test_nothing_is_known_at_first() -> None:
    pace = Pace((1,), 0.2)
    assert pace.seconds(1) is None
    assert pace.age(1) is None
    assert pace.known() == {}


def throughput(policy: Adaptive, duration: Callable[[Step], float]) -> float:
    load = Clients(policy, 32, duration=duration)
    load.run(10.0)
    return sum(load.run(10.0)) / 10.0


def test_more_is_done_than_with_the_largest_batch() -> None:
    fixed = Clients(_adaptive(max_batch_size=32, explore_every=10**6), 64, duration=minilm)
    fixed.run(10.0)
    assert sum(fixed.run(10.0)) / 10.0 < 1.02 * throughput(_adaptive(max_batch_size=32), minilm)
