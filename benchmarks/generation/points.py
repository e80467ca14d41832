"""What is measured at a server: a point is one load on it, and the figures that it gave."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.generation.load import Load, completion, load
from benchmarks.generation.prompts import following, prompt
from benchmarks.generation.running import Running
from jackfield_plugins.generation.text.tokenizer import TextTokenizer

PROMPT, ANSWER = 128, 128
PREFIX, TAIL, AFTER_PREFIX, SHARING = 512, 16, 64, 16


@dataclass(frozen=True, slots=True)
class Point:
    """`cut`: seconds after which a server that answers one request at a time is left; None: it is not asked."""

    name: str
    connections: int
    prompts: list[str]
    tokens: int
    seconds: float
    cut: float | None = None


@dataclass(slots=True)
class Figures:
    """Of one load. `rate`: tokens out a second; seconds to the first text and between texts; texts by prompt."""

    rate: float
    first: list[float]
    gaps: list[float]
    answers: int
    texts: dict[int, str] = field(default_factory=dict)


def points(tokenizer: TextTokenizer, connections: list[int], number: int, seconds: float) -> list[Point]:
    """Those of round `number`. No two rounds have a prompt in common."""
    found = []
    for clients in connections:
        count = clients * 40 if seconds else clients
        prompts = [prompt(tokenizer, PROMPT, f"{number} {clients} {one}") for one in range(count)]
        found.append(Point(f"{clients} at a time", clients, prompts, ANSWER, seconds, max(2 * seconds, 10)))
    prefix = prompt(tokenizer, PREFIX, f"prefix {number}")
    for name in ("cold", "warm"):
        prompts = [following(tokenizer, prefix, TAIL, f"{number} {name} {one}") for one in range(SHARING)]
        found.append(Point(f"prefix, {name}", SHARING, prompts, AFTER_PREFIX, 0))
    return found


async def measured(server: Running, point: Point) -> Figures:
    """Have `server` answer. Raises SystemExit for an answer that is wrong or too short."""
    cut = point.cut if server.peer.one_at_a_time and point.connections > 1 else None

    def request(number: int) -> bytes:
        return completion(server.peer.model, point.prompts[number % len(point.prompts)], point.tokens)

    seen = await load(server.port, request, _count(), point.connections, point.seconds, cut)
    whole = [one for one in seen.streams if one.tokens]
    for one in seen.streams:
        problem = one.problem
        if one.tokens and one.tokens != point.tokens:
            problem = f"{one.tokens} tokens came instead of {point.tokens}"
        if not one.tokens and not cut:
            problem = problem or "the connection was lost"
        if problem:
            raise SystemExit(f"{server.peer.name}, {point.name}: {problem}")
    return Figures(
        _rate(seen, point, cut),
        [one.first for one in seen.streams if one.moments],
        [gap for one in seen.streams for gap in one.gaps],
        len(whole),
        {one.number: one.text for one in whole},
    )


def percentile(values: list[float], percent: float) -> float:
    """In milliseconds, of seconds."""
    if len(values) < 2:
        return values[0] * 1e3 if values else float("nan")
    return statistics.quantiles(values, n=100, method="inclusive")[round(percent) - 1] * 1e3


def _count() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def _rate(seen: Load, point: Point, cut: float | None) -> float:
    """Tokens a second, as long as every connection had a request. Where each asks once it is over all the time, and a
    server that is left may not say how many tokens a piece of text is: then it is one."""
    moments = [one.moments[-1] for one in seen.streams if one.moments]
    until = seen.left if point.seconds else max(moments)
    tokens = 0.0
    for one in seen.streams:
        if one.moments:
            each = (one.tokens or len(one.moments)) / len(one.moments)
            tokens += each * sum(moment <= until for moment in one.moments)
    return tokens / (until - seen.began)
