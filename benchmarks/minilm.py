"""MiniLM behind the server, against ONNX Runtime alone, side by side: python -m benchmarks.minilm

Rounds alternate between the two, since machines drift; what counts are the ratios within a round. In-process is a loop
that calls the session and does nothing else; its best batch size is found anew in each round.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.load import load, post
from benchmarks.machine import described
from benchmarks.serving import serving

TOKENS = 32
CONNECTIONS = (1, 8, 32, 64)
SIZES = (1, 8, 16, 32)

_ALONE = """
import json, sys, time
import numpy as np, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
rates = {}
for size in json.loads(sys.argv[3]):
    ids = np.random.default_rng(0).integers(5, 20000, (size, int(sys.argv[5])))
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    for _ in range(3):
        session.run(None, feed)
    start, runs = time.perf_counter(), 0
    while time.perf_counter() - start < float(sys.argv[4]):
        session.run(None, feed)
        runs += 1
    rates[size] = runs * size / (time.perf_counter() - start)
print(json.dumps(rates))
"""


def in_process(model: Path, threads: int, seconds: float) -> dict[int, float]:
    """Sequences a second by batch size, in a process of its own."""
    arguments = [str(model), str(threads), json.dumps(SIZES), str(seconds), str(TOKENS)]
    done = subprocess.run([sys.executable, "-c", _ALONE, *arguments], capture_output=True, text=True, check=True)
    return {int(size): rate for size, rate in json.loads(done.stdout).items()}


def requests(binary: bool) -> list[bytes]:
    """64 different requests."""
    rng = np.random.default_rng(1)
    path = "/v2/models/minilm/infer"
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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
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
    for number in range(arguments.rounds):
        alone = in_process(arguments.model, arguments.threads, arguments.seconds / 2)
        best = max(alone.values())
        shown = "  ".join(f"{size}: {rate:.0f}" for size, rate in alone.items())
        print(f"round {number + 1}  in process, sequences/s by batch size: {shown}")
        with tempfile.TemporaryDirectory() as folder, serving(config, Path(folder)) as server:
            for connections in CONNECTIONS:
                measured = asyncio.run(load(server.port, bodies, connections, arguments.seconds))
                against = alone[1] if connections == 1 else best
                ratios[connections].append(measured.rate / against)
                print(
                    f"  {connections:3} connections  {measured.rate:7.1f} req/s  ratio {measured.rate / against:.3f}  "
                    f"p50 {measured.percentile(50):6.1f} ms  p99 {measured.percentile(99):6.1f} ms  "
                    f"wrong {measured.wrong}"
                )
    print("median ratio to the in-process rate (1 connection: to batch 1; more: to the best batch size)")
    for connections, values in ratios.items():
        print(
            f"  {connections:3} connections  {statistics.median(values):.3f}  ({', '.join(f'{v:.3f}' for v in values)})"
        )


if __name__ == "__main__":
    main()
