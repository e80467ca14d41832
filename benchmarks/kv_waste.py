"""How much of the KV cache is held and not used, under a mixed load: python -m benchmarks.kv_waste [--source FILE]

Prompts of 16 to 1,000 tokens and answers of 16 to 500, each length as likely as any other, from a number of clients
that ask again as soon as they are answered. What is printed is the metric `jackfield_kv_cache_waste_ratio`, looked at
every few milliseconds: places in held blocks that no token is in. It depends on lengths and steps alone, so unless a
checkpoint is named the decoder is one that computes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

import jackfield_plugins.generation
import jackfield_plugins.scheduling
from benchmarks.generation_step import Letters, Ready
from benchmarks.machine import described
from jackfield import Request, Server
from jackfield.testing import serving
from jackfield_plugins.generation.executor import GenerationExecutor

PROMPTS, ANSWERS, TARGET = (16, 1000), (16, 500), 0.04


@asynccontextmanager
async def started(source: str | None, clients: int) -> AsyncIterator[Server]:
    """A server with one model, `m`."""
    if source is not None:
        server = Server({"models": {"m": {"source": source}}, "endpoints": {}, "observers": {}})
        async with server:
            await server.loaded()
            yield server
        return
    executor = GenerationExecutor(Ready(clients), Letters, sequences=clients)
    config = {"models": {"m": {"source": "scripted:m"}}}
    plugins = [jackfield_plugins.generation, jackfield_plugins.scheduling]
    async with serving(config, plugins, executor=lambda: executor) as server:
        yield server


async def measured(source: str | None, clients: int, requests: int, every: float) -> list[tuple[float, float]]:
    """(waste, share of blocks held) at each look while all clients are at work."""
    random = np.random.default_rng(7)
    lengths = [(int(random.integers(*PROMPTS)), int(random.integers(*ANSWERS))) for _ in range(requests)]
    waiting = iter(lengths)
    busy = clients
    seen: list[tuple[float, float]] = []

    async def client(server: Server) -> None:
        nonlocal busy
        for prompt, answer in waiting:
            tokens = random.integers(10, 40_000, prompt).astype(np.int32)
            asked = {"max_tokens": answer, "temperature": 0, "ignore_eos": True}
            await server.submit(Request("m", {"tokens": tokens}, parameters=asked)).future
        busy -= 1

    async def look(server: Server) -> None:
        while True:
            await asyncio.sleep(every)
            state = server.versions[0].executor_states["m/1/0"]
            if state["blocks_held"] and busy == clients:
                seen.append((state["waste"], state["blocks_held"] / state["blocks"]))

    async with started(source, clients) as server:
        looking = asyncio.ensure_future(look(server))
        await asyncio.gather(*(client(server) for _ in range(clients)))
        looking.cancel()
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", help="a checkpoint, such as SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--every-ms", type=float, default=10)
    arguments = parser.parse_args()
    print(described("numpy"))
    seen = asyncio.run(measured(arguments.source, arguments.clients, arguments.requests, arguments.every_ms / 1000))
    waste = np.array([one for one, _ in seen])
    held = np.array([one for _, one in seen])
    print(f"{arguments.requests} requests, {arguments.clients} clients, {len(seen)} looks, held {held.mean():.1%}")
    print(
        f"waste  mean {waste.mean():.2%}  median {np.median(waste):.2%}  p99 {np.percentile(waste, 99):.2%}  "
        f"largest {waste.max():.2%}  {'below' if waste.mean() < TARGET else 'NOT below'} {TARGET:.0%}"
    )


if __name__ == "__main__":
    main()
