"""What the policy `continuous` knows of a step's duration, from steps of a device that is known."""

from __future__ import annotations

import random

import pytest

from jackfield_plugins.generation.pace import Pace


def took(decoding: int, prefill: int, slower: float = 1.0) -> float:
    """Seconds, as on a processor: weights are read once, and each token costs products."""
    return slower * (0.012 + 0.00062 * decoding + 0.00052 * prefill)


def test_nothing_is_known_at_first() -> None:
    pace = Pace()
    assert (pace.decoding(0), pace.decoding(8), pace.row) == (0.0, None, 0.0)
    pace.learn(8, 100, 0.5)  # which of both took so long?
    assert (pace.decoding(8), pace.row) == (None, 0.0)


def test_one_step_tells_of_those_like_it() -> None:
    pace = Pace()
    pace.learn(20, 0, 0.03)
    assert pace.decoding(20) == pytest.approx(0.03, rel=0.01)
    assert pace.decoding(16) == pytest.approx(0.03, rel=0.1)
    assert pace.decoding(31) == pytest.approx(0.03, rel=0.5)
    assert (pace.decoding(15), pace.decoding(40)) == (None, None)


def test_a_short_prompt_alone_does_not_say_what_a_token_costs() -> None:
    pace = Pace()
    for prefill in (3, 500, 4, 300):
        pace.learn(0, prefill, took(0, prefill))
    assert pace.row == pytest.approx(0.00052, rel=0.05)


def burst(pace: Pace) -> None:
    """Thirty-two prompts at once, of which four become streams with each step."""
    for streams in range(0, 28, 4):
        if streams and pace.decoding(streams) is None:
            pace.learn(streams, 0, took(streams, 0))
        pace.learn(streams, 512, took(streams, 512))


def test_few_tokens_beside_many_streams_say_little_of_prefill() -> None:
    """What is known of 16 to 20 streams is not what 28 take: the difference is not prefill's, which is known."""
    pace = Pace()
    burst(pace)
    for number in range(40):
        streams = 27 + number // 8
        prefill = 4 if pace.decoding(streams) else 0
        pace.learn(streams, prefill, took(streams, prefill))
    assert pace.row == pytest.approx(0.00052, rel=0.1)
    assert pace.decoding(31) == pytest.approx(took(31, 0), rel=0.05)


def test_a_machine_that_stands_still_at_times() -> None:
    """A step in five takes half as long again."""
    chance = random.Random(3)
    pace = Pace()
    burst(pace)
    for number in range(200):
        prefill = 20 if number % 3 else 0
        stalls = 1.5 if chance.random() < 0.2 else 1.0
        pace.learn(28, prefill, stalls * took(28, prefill))
    assert pace.row == pytest.approx(0.00052, rel=0.5)
    assert pace.decoding(28) == pytest.approx(1.1 * took(28, 0), rel=0.15)  # as on average
    pace.learn(28, 0, 3.0)
    assert pace.decoding(28) == pytest.approx(1.1 * took(28, 0), rel=0.3)


def test_a_machine_that_becomes_slower() -> None:
    pace = Pace()
    burst(pace)
    for number in range(150):
        prefill = 20 if number % 3 else 0
        pace.learn(28, prefill, took(28, prefill))
    for number in range(100):
        prefill = 20 if number % 3 else 0
        pace.learn(28, prefill, took(28, prefill, slower=2))
    assert pace.decoding(28) == pytest.approx(2 * took(28, 0), rel=0.1)
    assert pace.row == pytest.approx(2 * 0.00052, rel=0.35)


def test_a_long_time_of_equal_steps_does_not_lead_astray() -> None:
    """Which share is prefill's cannot be seen in equal steps; what was known of it stays."""
    chance = random.Random(4)
    pace = Pace()
    burst(pace)
    for _ in range(20):
        pace.learn(8, 0, took(8, 0))
    for _ in range(20_000):
        pace.learn(8, 12, took(8, 12) * chance.uniform(0.9, 1.1))
    assert pace.row == pytest.approx(0.00052, rel=0.3)
    assert pace.decoding(8) == pytest.approx(took(8, 0), rel=0.15)


def test_more_streams_than_are_told_apart() -> None:
    pace = Pace()
    pace.learn(3_000_000, 0, 1.0)
    assert pace.decoding(3_000_000) == pytest.approx(1.0, rel=0.01)


def test_prefill_that_becomes_dearer_is_not_taken_for_decoding() -> None:
    """Tokens of a long prompt cost more the more come before. Chunks follow from what is known, as in the policy."""
    pace = Pace()
    for _ in range(20):
        pace.learn(8, 0, took(8, 0))
    pace.learn(0, 32, took(0, 32))
    done, steps = 0, []
    while done < 4000:
        alone = pace.decoding(8)
        assert alone is not None
        chunk = 0 if pace.due else max(int(0.45 * alone / pace.row), 4)
        steps.append(took(8, 0) + chunk * (0.00025 + done * 0.0000005))
        pace.learn(8, chunk, steps[-1])
        done += chunk
    assert max(steps) < 2 * took(8, 0)
    assert pace.decoding(8) == pytest.approx(took(8, 0), rel=0.15)


def test_a_first_step_that_stood_still() -> None:
    """What comes after it is believed, since it is quicker."""
    pace = Pace()
    pace.learn(8, 0, 1.0)
    for _ in range(8):
        pace.learn(8, 0, took(8, 0))
    assert pace.decoding(8) == pytest.approx(took(8, 0), rel=0.45)


def test_a_device_that_takes_no_time() -> None:
    pace = Pace()
    for decoding, prefill in ((0, 0), (4, 0), (0, 5), (4, 5)):
        pace.learn(decoding, prefill, 0.0)
    pace.learn(4, 0, took(4, 0))
    assert pace.decoding(4) == pytest.approx(took(4, 0), rel=0.01)


def test_what_is_due_and_tells_nothing_is_not_due_again_at_once() -> None:
    pace = Pace()
    pace.learn(8, 0, took(8, 0))
    while not pace.due:
        pace.learn(8, 12, took(8, 12))
    pace.missed()
    assert not pace.due
