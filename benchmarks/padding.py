"""Padding on and off, side by side: MiniLM with requests of mixed lengths: python -m benchmarks.padding

One server each, both up at the same time; the load alternates between them, since machines drift. What counts is the
ratio of answers a second within a round.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.load import load, post
from benchmarks.machine import described
from benchmarks.overload import minilm_model
from benchmarks.serving import serving

CONNECTIONS = (1, 8, 32)


def requests(shortest: int, longest: int, count: int = 256) -> list[bytes]:
    """Binary requests of one row each, of lengths that are equally likely."""
    random = np.random.default_rng(3)
    made = []
    for _ in range(count):
        shape = [1, int(random.integers(shortest, longest + 1))]
        ids = random.integers(5, 20_000, shape)
        sized = [
            {"name": name, "shape": shape, "datatype": "INT64", "parameters": {"binary_data_size": ids.nbytes}}
            for name in ("input_ids", "attention_mask")
        ]
        header = json.dumps({"inputs": sized, "parameters": {"binary_data_output": True}}).encode()
        body = header + ids.tobytes() + np.ones_like(ids).tobytes()
        made.append(post("/v2/models/minilm/infer", body, [("Inference-Header-Content-Length", str(len(header)))]))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--lengths", type=int, nargs=2, default=(8, 128), help="shortest and longest, in tokens")
    parser.add_argument("--multiples-of", type=int, default=16)
    parser.add_argument("--budget", type=float, default=0.25)
    arguments = parser.parse_args()
    print(described("onnxruntime", "uvicorn", "numpy"))
    model = minilm_model()
    batching = {"policy": "dynamic", "max_batch_size": 32}
    pad = {
        "buckets": {"multiples_of": arguments.multiples_of, "up_to": arguments.lengths[1]},
        "budget": arguments.budget,
    }
    bodies = requests(*arguments.lengths)
    with tempfile.TemporaryDirectory() as off, tempfile.TemporaryDirectory() as on:
        plain = {"models": {"minilm": {**model, "batching": batching}}}
        padded = {"models": {"minilm": {**model, "batching": {**batching, "pad": pad}}}}
        with serving(plain, Path(off)) as without, serving(padded, Path(on)) as with_padding:
            for connections in CONNECTIONS:
                ratios = []
                for _ in range(arguments.rounds):
                    one = asyncio.run(load(without.port, bodies, connections, arguments.seconds))
                    other = asyncio.run(load(with_padding.port, bodies, connections, arguments.seconds))
                    ratios.append(other.rate / one.rate)
                    print(
                        f"{connections:3} connections  off {one.rate:6.1f} req/s p99 {one.percentile(99):6.1f} ms  "
                        f"on {other.rate:6.1f} req/s p99 {other.percentile(99):6.1f} ms  "
                        f"wrong {one.wrong + other.wrong}  "
                        f"ratio {ratios[-1]:.3f}"
                    )
                low, high = min(ratios), max(ratios)
                print(
                    f"{connections:3} connections  "
                    f"median ratio {statistics.median(ratios):.3f}  ({low:.3f} to {high:.3f})"
                )


if __name__ == "__main__":
    main()
