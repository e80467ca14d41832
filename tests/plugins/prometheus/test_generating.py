"""Times and tokens of generation, with the time passed in."""

from __future__ import annotations

from types import SimpleNamespace

from jackfield import State, StepReport, Work
from jackfield.testing import make_work
from jackfield_plugins.generation.told import StepTokens
from jackfield_plugins.prometheus.generating import Generating, GenerationSeries

SECONDS = (0.1, 1.0, 10.0)
TOKENS = (1.0, 10.0, 100.0)


def work_of(prompt: int, arrival: float = 0.0) -> Work:
    work = make_work()
    work.arrival = arrival
    work.extra = SimpleNamespace(prompt=prompt, finishes=[])
    return work


def step(
    told: Generating, now: float, works: list[Work], counts: list[int] | None, prefill: int = 0, started: float = 0.0
) -> None:
    report = StepReport("m/1/0", len(works), len(works), started)
    report.extra = StepTokens(prefill, len(works) - bool(prefill), works, counts)
    told.stepped("m", "1", report, now)


def end(told: Generating, work: Work, now: float, state: State = State.COMPLETED, *finishes: str) -> None:
    work.final, work.finished = state, now
    work.extra.finishes.extend(finishes)
    told.settled(work)


def count(series: GenerationSeries, name: str) -> tuple[float, float]:
    histogram = getattr(series, name)
    return histogram.buckets()[-1][1], round(histogram.total, 6)


def test_a_request_from_its_arrival_to_its_end() -> None:
    told = Generating(SECONDS, TOKENS)
    work = work_of(20, arrival=1.0)
    step(told, 3.0, [work], [0], prefill=12, started=2.0)
    step(told, 4.0, [work], [1], prefill=8, started=3.0)
    step(told, 4.5, [work], None)
    step(told, 6.0, [work], None)
    end(told, work, 7.0, State.COMPLETED, "length")
    series = told.series["m", "1", "m/1/0"]
    assert count(series, "first_token") == (1, 3.0)
    assert count(series, "between_tokens") == (2, 2.0)
    assert count(series, "request") == (1, 6.0)
    assert count(series, "queue") == (1, 1.0)
    assert count(series, "prefill") == (1, 2.0)
    assert count(series, "decode") == (1, 2.0)
    assert count(series, "inference") == (1, 4.0)
    assert count(series, "prompt") == (1, 20)
    assert count(series, "answer") == (1, 3)
    assert count(series, "step") == (4, 22)
    assert (series.prompt_tokens, series.prefill_tokens, series.generated_tokens) == (20, 20, 3)
    assert series.finishes == {"stop": 0, "length": 1}
    assert told.lives == 0


def test_each_of_many_streams_counts() -> None:
    told = Generating(SECONDS, TOKENS)
    works = [work_of(4) for _ in range(32)]
    late = work_of(4)
    step(told, 1.0, works, [1] * 32, prefill=128)
    step(told, 1.05, works, None)
    step(told, 1.25, [*works, late], [*([1] * 32), 3], prefill=4)
    step(told, 1.34, [*works, late], [*([1] * 32), 3])
    series = told.series["m", "1", "m/1/0"]
    assert count(series, "first_token")[0] == 33
    gaps = [int(number) for _, number in series.between_tokens.buckets()]
    assert gaps == [32 + 32 + 3, 99, 99, 99]
    assert count(series, "between_tokens")[1] == round(32 * 0.05 + 32 * 0.2 + 35 * 0.09, 6)
    assert series.generated_tokens == 32 * 4 + 6


def test_who_goes_is_forgotten_and_not_taken_up_again() -> None:
    told = Generating(SECONDS, TOKENS)
    works = [work_of(4) for _ in range(3)]
    step(told, 1.0, works, [1, 1, 1], prefill=12)
    end(told, works[0], 2.0, State.CANCELLED)
    end(told, works[1], 2.0, State.FAILED)
    step(told, 3.0, works, None)  # it was on the device when they went
    end(told, works[2], 4.0, State.COMPLETED, "stop")
    series = told.series["m", "1", "m/1/0"]
    assert told.lives == 0
    assert series.aborted == 1
    assert series.finishes == {"stop": 1, "length": 0}
    assert count(series, "request")[0] == 1
    told.settled(work_of(1))  # never took part in a step


def test_what_is_not_of_generation_is_passed_over() -> None:
    told = Generating(SECONDS, TOKENS)
    for extra in (None, (1, 2), "x", {"prefill": 1}):
        report = StepReport("m/1/0", 1, 1, 0.0)
        report.extra = extra
        told.stepped("m", "1", report, 1.0)
    assert told.series == {}


def test_steps_of_the_same_works_are_counted_as_if_each_were_looked_at() -> None:
    together, apart = Generating(SECONDS, TOKENS), Generating(SECONDS, TOKENS)
    for told, alike in ((together, None), (apart, [1] * 4)):
        works = [work_of(4) for _ in range(4)]
        for number in range(6):
            step(told, 1.0 + number, works, alike)
        end(told, works[0], 6.5, State.COMPLETED, "length")
        end(told, works[1], 6.5, State.CANCELLED)
        step(told, 7.0, works[1:], alike and alike[1:])  # one of them has gone
        for number in range(3):
            step(told, 8.0 + number, works[2:], alike and alike[2:])
        for work in works[2:]:
            end(told, work, 11.0, State.COMPLETED, "stop")
    one, other = (told.series["m", "1", "m/1/0"] for told in (together, apart))
    for name in (
        "first_token",
        "between_tokens",
        "request",
        "queue",
        "prefill",
        "decode",
        "inference",
        "answer",
        "step",
    ):
        assert count(one, name) == count(other, name), name
    assert count(one, "answer") == (3, 6 + 10 + 10)
    assert count(one, "decode") == (3, 5 + 9 + 9)
    assert one.generated_tokens == other.generated_tokens == 24 + 2 + 6
    assert one.finishes == {"stop": 2, "length": 1}
