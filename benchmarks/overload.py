"""Ten times the load that the server can carry: python -m benchmarks.overload [--model waiting|minilm]

First a closed loop finds the capacity; then requests arrive ten times as often, at random, each with a deadline, and
whether or not earlier ones are answered. The client is this process, the server another; both share the machine.
`waiting` is a model that takes 40 ms for a step of at most 16 rows without using the processor, as on a device of its
own; `minilm` computes on the same cores that the client and the server's event loop need.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from benchmarks.counters import Counters, counters
from benchmarks.machine import described
from benchmarks.openloop import Seen, offer, percentile, poisson
from benchmarks.peers.encodings import binary
from benchmarks.peers.subjects import subject
from benchmarks.saturated import goodput
from benchmarks.serving import Running, serving

SHED, EXPIRED = 429, 503
SHED_WITHIN_MS = 10.0
ALLOWED_MIB = 4.0
LEAST_GOODPUT = 0.9
_HERE = Path(__file__).parent


def waiting_model(step_ms: float = 40.0, rows: int = 16) -> dict[str, Any]:
    """The section of a model that waits."""
    return {
        "source": f"{_HERE / 'waiting.py'}:Waiting",
        "loader": {"name": "python", "init": {"step_ms": step_ms}},
        "batching": {"policy": "dynamic", "max_batch_size": rows},
    }


def minilm_model() -> dict[str, Any]:
    """The section of MiniLM."""
    return {
        "source": str(subject("minilm").path),
        "backend": {"name": "onnxruntime", "threads": 2},
        "batching": {"policy": "dynamic", "max_batch_size": 32},
    }


def bodies(model: str, deadline: float) -> list[bytes]:
    """Requests of one row, each with a deadline in seconds."""
    path = f"/v2/models/{model}/infer"
    if model == "minilm":
        asked: Sequence[Any] = subject("minilm").asked
    else:
        asked = [{"x": np.full((1, 4), value, np.float32)} for value in range(16)]
    return [binary(path, inputs, timeout=int(deadline * 1e6)) for inputs in asked]


def overload(server: Running, requests: Sequence[bytes], rate: float, seconds: float) -> tuple[Seen, list[float]]:
    """Offer `rate` a second; what the client saw, and the server's memory once a second."""
    memory: list[float] = []
    moments = poisson(lambda _: rate, seconds, seed=1)
    seen = uvloop.run(offer(server.port, requests, moments, 1500, lambda: memory.append(server.memory_mib())))
    return seen, [*memory, server.memory_mib()]


def show(seen: Seen, counted: Counters, deadline: float) -> bool:
    """The table of answers; whether client and server tell the same, and everything accepted was answered."""
    pairs = {200: ("answered", counted.completed), EXPIRED: ("expired", counted.expired), SHED: ("shed", counted.shed)}
    print(f"\n{'':10}{'client':>9}{'server':>9}{'p50 ms':>9}{'p99 ms':>9}{'most ms':>9}")
    agree = counted.outstanding == 0 and not seen.broken and not seen.latencies.keys() - pairs.keys()
    for status, (name, told) in pairs.items():
        values = seen.latencies[status]
        agree = agree and len(values) == told
        shown = "".join(f"{percentile(values, one):9.1f}" for one in (50, 99, 100))
        print(f"{name:10}{len(values):9}{told:9}{shown}")
    print(f"accepted {counted.accepted} = completed {counted.completed} + failed {counted.failed} + ", end="")
    print(f"cancelled {counted.cancelled} + expired {counted.expired}")
    late = [one - deadline for one in seen.latencies[200] if one > deadline]
    print(
        f"answered after the deadline by the client's clock: {len(late)}, at most {max(late, default=0) * 1e3:.1f} ms\n"
        f"the client was {percentile(seen.lag, 99):.1f} ms late itself (p99), and sent {seen.unsent} not at all"
    )
    return agree


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["waiting", "minilm"], default="waiting")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--times", type=float, default=10, help="the capacity")
    parser.add_argument("--deadline", type=float, default=0.5, help="seconds; each request has it")
    parser.add_argument("--max-queue", type=int, default=1024, help="how many requests may wait")
    arguments = parser.parse_args()
    print(described("onnxruntime", "uvicorn", "numpy"))
    name = arguments.model
    model = waiting_model() if name == "waiting" else minilm_model()
    config = {
        "models": {name: {**model, "scheduler": {"policy": "fifo", "max_queue": arguments.max_queue}}},
        "endpoints": {"open-inference": {"overload_status": SHED}, "metrics": {}},
        "observers": {"prometheus": {}},
    }
    requests = bodies(name, arguments.deadline)
    with tempfile.TemporaryDirectory() as folder, serving(config, Path(folder)) as server:
        capacity = goodput(server.port, requests, 64, min(arguments.seconds, 10), arguments.deadline)
        print(f"capacity: {capacity:.0f} a second within {arguments.deadline:g} s, of 64 clients that wait for answers")
        before, busy = counters(server.port, name), server.cpu_seconds()
        seen, memory = overload(server, requests, arguments.times * capacity, arguments.seconds)
        counted = counters(server.port, name).since(before)
        busy = (server.cpu_seconds() - busy) / arguments.seconds
    offered = sum(map(len, seen.latencies.values())) / arguments.seconds
    print(f"offered: {offered:.0f} a second for {arguments.seconds:g} s; the server used {busy:.2f} cores")
    agree = show(seen, counted, arguments.deadline)
    good = seen.within(arguments.deadline) / arguments.seconds
    settled = memory[len(memory) // 10 :]
    growth = settled[-1] - settled[0]
    shed = percentile(seen.latencies[SHED], 99)
    print(f"memory: {settled[0]:.1f} MiB after a tenth, at most {max(settled):.1f}, at last {settled[-1]:.1f}\n")
    claims = {
        "client and server count the same, and everything accepted was answered": agree,
        f"shed within {SHED_WITHIN_MS:g} ms (p99): {shed:.1f} ms": shed <= SHED_WITHIN_MS,
        f"goodput {good:.0f}, at least {LEAST_GOODPUT} of that at capacity: {good / capacity:.2f}": good
        >= LEAST_GOODPUT * capacity,
        f"memory grew by at most {ALLOWED_MIB:g} MiB: {growth:+.2f} MiB": growth <= ALLOWED_MIB,
    }
    for claim, holds in claims.items():
        print(f"{'holds' if holds else 'DOES NOT HOLD'}: {claim}")
    sys.exit(not agree)  # what depends on the machine is for the reader


if __name__ == "__main__":
    main()
