"""What a process of its own costs a request, and what a second one brings: python -m benchmarks.placement

A model that costs nothing, behind `Server.infer` in this process, its replica in threads and in a child process by
turns: requests of 1 KB and 1 MB, one after the other, each giving back what it got. Then a model that keeps the
interpreter busy, with one and with two process replicas, four requests at a time. `--ray` measures an actor on a local
Ray cluster beside them; it needs contrib/jackfield-ray.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import uvloop

from benchmarks.machine import described
from jackfield import Array, Server

MODELS = Path(__file__).with_name("placement_models.py")
SIZES = {"1 KB": (1, 256), "1 MB": (1, 256 * 1024)}


@asynccontextmanager
async def _serving(cls: str, placement: str, replicas: int = 1, **options: Any) -> AsyncIterator[Server]:
    model = {
        "source": f"{MODELS}:{cls}",
        "placement": {"name": placement, **options},
        "replicas": replicas,
        "batching": {"policy": "none"},
    }
    async with Server({"models": {"m": model}}) as server:
        yield server


async def _one(server: Server, x: Array, requests: int) -> float:
    """Milliseconds of a request, the median."""
    took = []
    for _ in range(requests):
        start = time.perf_counter()
        response = await server.infer("m", {"x": x})
        took.append(time.perf_counter() - start)
        assert next(iter(response.outputs.values())).shape == x.shape
    return statistics.median(took) * 1e3


async def _many(server: Server, requests: int) -> float:
    """Requests a second, four at a time."""
    left = iter(range(requests))
    x = np.zeros((1, 4), np.float32)

    async def ask() -> None:
        for _ in left:
            await server.infer("m", {"x": x})

    start = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(4)))
    return requests / (time.perf_counter() - start)


async def run(rounds: int, requests: int, ray: bool) -> None:
    """Measure, and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(described("numpy", *(["ray"] if ray else [])))
    async with AsyncExitStack() as stack:
        names = ["thread", "process", *(["ray"] if ray else [])]
        options: dict[str, Any] = {"ray": {"address": "local", "connect_timeout_s": 120}}
        servers = [await stack.enter_async_context(_serving("Echo", name, **options.get(name, {}))) for name in names]
        columns = [*(f"{name}, ms" for name in names), *(f"{name}: more, ms" for name in names[1:])]
        print(f"\n| request | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
        for name, shape in SIZES.items():
            x = np.random.default_rng(0).random(shape).astype(np.float32)
            taken = [[await _one(server, x, requests) for server in servers] for _ in range(rounds)]
            medians = [statistics.median(column) for column in zip(*taken, strict=True)]
            more = [statistics.median(one[n] - one[0] for one in taken) for n in range(1, len(names))]
            print(f"| {name} | {' | '.join(f'{figure:.3f}' for figure in (*medians, *more))} |")
    async with _serving("Busy", "process") as single, _serving("Busy", "process", 2) as double:
        rates = [(await _many(single, requests), await _many(double, requests)) for _ in range(rounds)]
        ratio = statistics.median(second / first for first, second in rates)
        a, b = (statistics.median(column) for column in zip(*rates, strict=True))
        print(f"\na busy model, requests/s: one process {a:.0f}, two {b:.0f}, ratio {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--ray", action="store_true")
    arguments = parser.parse_args()
    uvloop.run(run(arguments.rounds, arguments.requests, arguments.ray))


if __name__ == "__main__":
    main()
