"""OpenVINO beside ONNX Runtime, behind the same server: python benchmarks/compare.py minilm.onnx [--rounds 5]

A model of texts (`input_ids` and `attention_mask`, [batch, tokens]) is asked in this process, by turns through one backend and
the other: one request at a time, then many at once. Prints requests a second, and the ratio of each pair's medians.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from contextlib import AsyncExitStack

import numpy as np
from jackfield import Server

BACKENDS = ("onnxruntime", "openvino")
TOKENS = 32


async def rate(server: Server, at_once: int, seconds: float) -> float:
    """Requests a second."""
    inputs = {name: np.ones((1, TOKENS), np.int64) for name in ("input_ids", "attention_mask")}
    inputs["input_ids"] = np.random.default_rng(0).integers(1000, 20000, (1, TOKENS))
    end = time.perf_counter() + seconds
    done = 0

    async def ask() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await server.infer("m", inputs)
            done += 1

    start = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(at_once)))
    return done / (time.perf_counter() - start)


async def compare(source: str, rounds: int, seconds: float, threads: int) -> None:
    """Both stay loaded; they run by turns."""
    async with AsyncExitStack() as stack:
        servers = {}
        for name in BACKENDS:
            model = {
                "source": source,
                "backend": {"name": name, "threads": threads},
                "batching": {"policy": "dynamic", "max_batch_size": 32},
            }
            servers[name] = await stack.enter_async_context(Server({"models": {"m": model}}))
        one = np.full((1, TOKENS), 2000)
        asked = {"input_ids": one, "attention_mask": np.ones_like(one)}
        answers = [(await server.infer("m", asked)).outputs for server in servers.values()]
        far = max(float(np.abs(answers[0][name] - answers[1][name]).max()) for name in answers[0])
        print(f"answers are at most {far:.1e} apart")
        for at_once in (1, 8, 32):
            found: dict[str, list[float]] = {name: [] for name in BACKENDS}
            for _ in range(rounds):
                for name, server in servers.items():
                    found[name].append(await rate(server, at_once, seconds))
            first, second = (statistics.median(found[name]) for name in BACKENDS)
            shown = f"onnxruntime {first:7.1f}/s, openvino {second:7.1f}/s, ratio {second / first:.2f}"
            print(f"{at_once:3} at once: {shown}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    asyncio.run(compare(chosen.source, chosen.rounds, chosen.seconds, chosen.threads))
