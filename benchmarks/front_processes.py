"""What front processes bring and cost: python -m benchmarks.front_processes

A Python model that does next to nothing, one row a request as JSON, behind `server.workers` 1 and 2. Both servers are
up at the same time and take turns on the same cores, beside the load (`wrk` with one thread where it is installed).
Processor time is that of all processes of a server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load import load, post
from benchmarks.machine import described
from benchmarks.serving import Running, serving
from benchmarks.tree import cpu_seconds
from benchmarks.wrk import Figures, figures, has_wrk, wrk

MODEL = f"{Path(__file__).with_name('placement_models.py')}:Echo"
CONNECTIONS = (8, 32, 64)
_BODY = {"inputs": [{"name": "x", "shape": [1, 16], "datatype": "FP32", "data": [n / 4 for n in range(16)]}]}


def _requests() -> list[bytes]:
    return [post("/v2/models/m/infer", json.dumps(_BODY).encode(), [("Content-Type", "application/json")])]


def _loaded(port: int, connections: int, seconds: int) -> Figures:
    if has_wrk():
        return wrk(port, _requests(), connections, seconds)
    return figures(asyncio.run(load(port, _requests(), connections, seconds)))


def _measured(server: Running, connections: int, seconds: int) -> tuple[float, float, float]:
    """Requests a second, milliseconds of processor time a request, and the 99th percentile of latency in ms."""
    before = cpu_seconds(server.pid)
    found = _loaded(server.port, connections, seconds)
    if found.wrong:
        raise SystemExit(f"{found.wrong} requests were not answered with 200")
    return found.rate, (cpu_seconds(server.pid) - before) / found.answers * 1e3, found.p99


def run(rounds: int, seconds: int) -> None:
    """Measure, and print."""
    print(described("uvloop"), "wrk" if has_wrk() else "a client in Python", sep="; ")
    with ExitStack() as stack:
        servers = []
        for workers in (1, 2):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            config = {"server": {"workers": workers}, "models": {"m": {"source": MODEL}}}
            servers.append(stack.enter_context(serving(config, folder)))
        for server in servers:
            _loaded(server.port, 8, 1)
        print("\n| connections | workers | requests/s | of one | ms of processor a request | p99, ms |")
        print("|---|---|---|---|---|---|")
        for connections in CONNECTIONS:
            turns = [[_measured(server, connections, seconds) for server in servers] for _ in range(rounds)]
            ratio = statistics.median(two[0] / one[0] for one, two in turns)
            for place, workers in enumerate((1, 2)):
                rate, cpu, p99 = (statistics.median(turn[place][what] for turn in turns) for what in range(3))
                of = "" if workers == 1 else f"{ratio:.2f}"
                print(f"| {connections} | {workers} | {rate:,.0f} | {of} | {cpu:.3f} | {p99:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    arguments = parser.parse_args()
    run(arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
