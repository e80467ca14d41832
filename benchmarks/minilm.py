"""MiniLM behind the server, against ONNX Runtime alone, side by side: python -m benchmarks.minilm

The two alternate every few seconds, since machines drift, and what counts is the ratio within a round. In process is a
loop that calls the session and does nothing else; its best batch size is found anew in each round.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.inprocess import in_process
from benchmarks.load import load, post
from benchmarks.machine import described
from benchmarks.serving import serving

TOKENS = 32
CONNECTIONS = (1, 8, 32, 64)
SIZES = (8, 16, 32)


def requests(binary: bool, model: str = "minilm") -> list[bytes]:
    """64 different requests."""
    rng = np.random.default_rng(1)
    path = f"/v2/models/{model}/infer"
    made = []
    for _ in range(64):
        tensors = {"input_ids": rng.integers(5, 20000, (1, TOKENS)), "attention_mask": np.ones((1, TOKENS), np.int64)}
        described_inputs = [{"name": n, "shape": [1, TOKENS], "datatype": "INT64"} for n in tensors]
        if not binary:
            content = {
                "inputs": [{**one, "data": tensors[str(one["name"])].ravel().tolist()} for one in described_inputs]
            }
            made.append(post(path, json.dumps(content).encode(), [("Content-Type", "application/json")]))
            continue
        header = json.dumps(
            {
                "inputs": [{**one, "parameters": {"binary_data_size": TOKENS * 8}} for one in described_inputs],
                "parameters": {"binary_data_output": True},
            }
        ).encode()
        body = header + b"".join(array.tobytes() for array in tensors.values())
        made.append(post(path, body, [("Inference-Header-Content-Length", str(len(header)))]))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path(".cache/demo/minilm.onnx"))
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2, help="of each load; in process the same, over all sizes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--policy", default="dynamic")
    parser.add_argument("--json", action="store_true", help="send JSON bodies instead of binary tensors")
    arguments = parser.parse_args()
    if not arguments.model.exists():
        from jackfield_plugins.demo import minilm

        arguments.model.parent.mkdir(parents=True, exist_ok=True)
        minilm.export(arguments.model)
    print(described("onnxruntime", "uvicorn", "numpy"))
    bodies = requests(binary=not arguments.json)
    config = {
        "models": {
            "minilm": {
                "source": str(arguments.model.resolve()),
                "backend": {"name": "onnxruntime", "threads": arguments.threads},
                "batching": {"policy": arguments.policy, "max_batch_size": 32},
            }
        }
    }
    ratios: dict[int, list[float]] = {connections: [] for connections in CONNECTIONS}
    with (
        tempfile.TemporaryDirectory() as folder,
        in_process(arguments.model, arguments.threads) as alone,
        serving(config, Path(folder)) as server,
    ):
        for connections in CONNECTIONS:
            sizes = (1,) if connections == 1 else SIZES
            for _ in range(arguments.rounds):
                rates = {size: alone.rate(size, TOKENS, arguments.seconds / len(sizes)) for size in sizes}
                measured = asyncio.run(load(server.port, bodies, connections, arguments.seconds))
                ratios[connections].append(measured.rate / max(rates.values()))
                shown = "  ".join(f"{size}: {rate:3.0f}" for size, rate in rates.items())
                print(
                    f"{connections:3} connections  {measured.rate:6.1f} req/s  p50 {measured.percentile(50):6.1f} ms  "
                    f"p99 {measured.percentile(99):6.1f} ms  wrong {measured.wrong}  in process {shown}  "
                    f"ratio {ratios[connections][-1]:.3f}"
                )
    print("median ratio to the in-process rate (1 connection: to batch 1; more: to the best batch size)")
    for connections, values in ratios.items():
        low, *_, high = sorted(values)
        print(f"  {connections:3} connections  {statistics.median(values):.3f}  ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
