"""Whether the server's memory is flat, over requests that are answered and over those that are refused:

    python -m benchmarks.memory

The client is this process, a plain one on sockets, so that nothing else is needed; the server is another. Its resident
memory is looked at again and again. What it holds after a tenth of them is where it starts from:
until then pools, caches and counters fill.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.counted import counted
from benchmarks.load import post
from benchmarks.machine import described
from benchmarks.peers.encodings import BINARY, JSON
from benchmarks.peers.subjects import subject
from benchmarks.serving import Running, serving

ALLOWED_MIB = 4.0
"""Growth from a tenth of the requests to the last that is taken for noise: four bytes a request, of a million."""
_HERE = Path(__file__).parent
_ROW = b'{"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}'


@dataclass(frozen=True, slots=True)
class Kind:
    """Requests of one kind, and the status that they must get; `or_else`: one that some of them may get."""

    name: str
    requests: Sequence[bytes]
    status: int
    or_else: int = 0


def answered() -> list[Kind]:
    """Requests that are right, JSON and binary in turn."""
    asked = subject("mlp")
    path = "/v2/models/mlp/infer"
    return [Kind("answered", [one.write(path, inputs) for inputs in asked.asked for one in (JSON, BINARY)], 200)]


def refused() -> list[Kind]:
    """Requests that are refused, each kind in its own way."""
    mlp, queued = "/v2/models/mlp/infer", "/v2/models/queued/infer"
    large = b"POST " + mlp.encode() + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"
    return [
        Kind("malformed JSON", [post(mlp, b'{"inputs": [' + b"[" * n) for n in range(1, 50)], 400),
        Kind("wrong shape", [post(mlp, _ROW.replace(b"1, 4]", b"%d, 9]" % n)) for n in range(1, 50)], 400),
        Kind("unknown model", [post(f"/v2/models/none-{n}/infer", _ROW) for n in range(1000)], 404),
        Kind("too large", [large], 413),
        Kind("shed by a full queue", [post(queued, _ROW)], 503, or_else=200),
    ]


def watched(server: Running, kind: Kind, count: int, connections: int, samples: int) -> bool:
    """Send `count`, print what the memory did, and say whether it was flat. SystemExit if a status is not right."""
    memory, statuses = [server.memory_mib()], Counter[int]()
    began = time.perf_counter()
    for _ in range(samples):
        statuses += asyncio.run(counted(server.port, kind.requests, connections, count // samples))
        memory.append(server.memory_mib())
    seconds = time.perf_counter() - began
    settled = memory[samples // 10 :]
    growth = settled[-1] - settled[0]
    slope = statistics.linear_regression(range(len(settled)), settled).slope * samples / count * 2**20
    right = statuses[kind.status]
    if not right or statuses.keys() - {kind.status, kind.or_else}:
        raise SystemExit(f"{kind.name}: expected status {kind.status}, got {dict(statuses)}")
    flat = growth <= ALLOWED_MIB
    print(
        f"{kind.name:22}{count:9}{right:9}{count / seconds:8.0f}{memory[0]:9.1f}{settled[0]:9.1f}{max(settled):9.1f}"
        f"{settled[-1]:9.1f}{growth:+9.2f}{slope:+9.2f}  {'flat' if flat else 'NOT FLAT'}",
        flush=True,
    )
    return flat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answered", type=int, default=1_000_000)
    parser.add_argument("--refused", type=int, default=100_000, help="in all, a fifth of each kind")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--samples", type=int, default=40, help="how often memory is looked at for each kind")
    arguments = parser.parse_args()
    print(described("onnxruntime", "uvicorn", "numpy"))
    kinds = [(kind, arguments.answered) for kind in answered()]
    kinds += [(kind, arguments.refused // 5) for kind in refused()]
    queued = {
        "source": f"{_HERE / 'waiting.py'}:Waiting",
        "loader": {"name": "python", "init": {"step_ms": 100}},
        "batching": "none",
        "scheduler": {"policy": "fifo", "max_queue": 1},
    }
    mlp = {"source": str(subject("mlp").path), "backend": {"name": "onnxruntime", "threads": 1}}
    print(f"{'':22}{'requests':>9}{'so':>9}{'per s':>8}{'MiB at 0':>9}{'10 %':>9}{'most':>9}{'100 %':>9}", end="")
    print(f"{'growth':>9}{'B/req':>9}")
    config = {"models": {"mlp": mlp, "queued": queued}}
    with tempfile.TemporaryDirectory() as folder, serving(config, Path(folder)) as server:
        flat = [watched(server, kind, count, arguments.connections, arguments.samples) for kind, count in kinds]
    print(f"growth allowed after the first tenth: {ALLOWED_MIB:g} MiB")
    sys.exit(not all(flat))


if __name__ == "__main__":
    main()
