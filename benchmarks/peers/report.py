"""Rounds in which every server has its turn, and the table of what they gave."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.load import load
from benchmarks.peers.encodings import Encoding
from benchmarks.peers.running import Running
from benchmarks.tree import cpu_seconds
from benchmarks.wrk import Figures, figures, wrk


@dataclass(slots=True)
class Entry:
    """A server in one encoding, and what each round gave. `cpu`: milliseconds of its processes for an answer."""

    server: Running
    encoding: Encoding
    rounds: list[Figures] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As it stands in tables."""
        return f"{self.server.peer.name}, {self.encoding.name}"


def measure(entries: Sequence[Entry], connections: int, rounds: int, seconds: int, by_wrk: bool) -> None:
    """All of them in turn, `rounds` times, after a second each that does not count."""
    for entry in entries:
        entry.rounds.clear()
        entry.cpu.clear()
        _load(entry, connections, 1, by_wrk)
    for _ in range(rounds):
        for entry in entries:
            before = cpu_seconds(entry.server.pid)
            found = _load(entry, connections, seconds, by_wrk)
            spent = cpu_seconds(entry.server.pid) - before
            entry.rounds.append(found)
            entry.cpu.append(spent / max(found.answers, 1) * 1e3)


def show(entries: Sequence[Entry], connections: int) -> None:
    """Medians over the rounds. A ratio is that of ours to the other within a round."""
    ours = [entry for entry in entries if entry.server.peer.name == "jackfield"]
    heads = "".join(f"{'ours ' + one.encoding.name + ' / it':>21}" for one in ours)
    print(f"\n{connections:3} connections     {'req/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms/req':>12}{heads}  wrong")
    for entry in entries:
        rate, p50, p99 = (
            statistics.median(getattr(one, key) for one in entry.rounds) for key in ("rate", "p50", "p99")
        )
        ratios = "".join(f"{_ratio(one, entry):>21}" for one in ours)
        wrong = sum(one.wrong for one in entry.rounds)
        cpu = statistics.median(entry.cpu)
        print(f"  {entry.name:18}{rate:10.0f}{p50:9.2f}{p99:9.2f}{cpu:12.3f}{ratios}{wrong:7}", flush=True)


def _ratio(ours: Entry, other: Entry) -> str:
    values = sorted(mine.rate / its.rate for mine, its in zip(ours.rounds, other.rounds, strict=True) if its.rate)
    if not values:
        return "-"
    return f"{statistics.median(values):.2f} ({values[0]:.2f}-{values[-1]:.2f})"


def _load(entry: Entry, connections: int, seconds: int, by_wrk: bool) -> Figures:
    server = entry.server
    requests = server.requests(entry.encoding)
    if by_wrk:
        return wrk(server.port, requests, connections, seconds)
    return figures(asyncio.run(load(server.port, requests, connections, seconds, warm=0)))
