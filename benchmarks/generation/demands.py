"""What this server is to reach against the others, and whether it did in this run."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from benchmarks.generation.peers import BLOCKS, FP32, PEERS
from benchmarks.generation.report import spread
from benchmarks.generation.results import Of, Results, first, rate

_SHARED = ("prefix, cold", "prefix, warm")


def demands(results: Results, vnni: bool) -> Iterator[str]:
    """A line each, for as far as those that it compares were measured. `vnni`: whether the processor has it, since
    more is asked where it has."""
    alone = [point for point in _points(results) if point not in _SHARED]
    for point in alone:
        yield from _ahead(results, point, [FP32], ["vLLM fp32"], 1.5)
    for point in _SHARED:
        yield from _ahead(results, point, [FP32], ["vLLM fp32"], 1.3)
    for clients, limits in results.limits.items():
        point = f"{clients} at a time"
        if FP32 in results.servers(point):
            shares = [one.rate / limit for one, limit in zip(results.by[point, FP32], limits, strict=True)]
            yield _line(f"{point}: {FP32}, share of the roofline", shares, 0.6)
    for point in alone:
        yield from _ahead(results, point, *_sides(results, point), 1.5 if vnni else 1.2)
    for point in _SHARED:
        yield from _ahead(results, point, *_sides(results, point), 1.3)
    yield from _ahead(results, "1 at a time", [BLOCKS], ["llama.cpp Q4_0"], 1.0)
    for point in ("8 at a time", "32 at a time"):
        yield from _ahead(results, point, [BLOCKS], _sides(results, point)[1], 0)
    yield from _ahead(results, "32 at a time", *_sides(results, "32 at a time", naive=True), 15)
    for point in ("1 at a time", "32 at a time"):
        yield from _sooner(results, point, *_sides(results, point))


def _points(results: Results) -> Sequence[str]:
    return tuple(dict.fromkeys(point for point, _ in results.by))


def _sides(results: Results, point: str, naive: bool = False) -> tuple[list[str], list[str]]:
    servers = results.servers(point)
    ours = [name for name in servers if PEERS[name].ours]
    return ours, [name for name in servers if name not in ours and PEERS[name].one_at_a_time is naive]


def _best(results: Results, point: str, names: Sequence[str], of: Of, least: bool = False) -> str | None:
    there = [name for name in names if name in results.servers(point)]
    if not there:
        return None
    return (min if least else max)(there, key=lambda name: results.median(point, name, of))


def _ahead(results: Results, point: str, ours: Sequence[str], others: Sequence[str], least: float) -> Iterator[str]:
    mine, its = _best(results, point, ours, rate), _best(results, point, others, rate)
    if mine and its:
        yield _line(f"{point}: tokens/s, {mine} / {its}", results.ratios(point, mine, its), least)


def _sooner(results: Results, point: str, ours: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    mine, its = _best(results, point, ours, first(50), True), _best(results, point, others, first(50), True)
    if mine and its:
        yield _line(f"{point}: time to the first token, {its} / {mine}", results.ratios(point, its, mine, first(50)), 1)


def _line(name: str, ratios: list[float], least: float) -> str:
    held = "stated only" if not least else "held" if statistics.median(ratios) >= least else "MISSED"
    asked = f", at least {least:g} is asked" if least else ""
    return f"- {name}: {spread(ratios)}{asked}: {held}"
