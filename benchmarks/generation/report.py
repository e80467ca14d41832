"""Tables in Markdown: medians over the rounds, ratios within a round."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from benchmarks.generation.peers import FP32, PEERS
from benchmarks.generation.results import Results, first, gap, rate

_HEADS = ("tokens/s", "first ms, p50", "p99", "between ms, p50", "p99")
_OF = (rate, first(50), first(99), gap(50), gap(99))


def tables(results: Results) -> Iterator[str]:
    """A table for each point."""
    for point in dict.fromkeys(point for point, _ in results.by):
        yield from ("", *_table(results, point))


def _table(results: Results, point: str) -> Iterator[str]:
    servers = results.servers(point)
    ours = [name for name in servers if PEERS[name].ours]
    same = [f"answers as {FP32}"] if FP32 in servers else []
    heads = [point, *_HEADS, *(f"{name} / it" for name in ours), *same]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for server in servers:
        cells = [f"{results.median(point, server, of):.{0 if of is rate else 1}f}" for of in _OF]
        cells += [spread(results.ratios(point, name, server)) for name in ours]
        if same:
            equal, count = results.same(point, server, FP32)
            cells.append(f"{equal} of {count}")
        yield f"| {server} | {' | '.join(cells)} |"


def spread(values: list[float]) -> str:
    """The median, and the range if there is one."""
    middle = f"{statistics.median(values):.2f}"
    return f"{middle} ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else middle
