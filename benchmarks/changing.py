"""`adaptive` against windows and batch sizes that stay, on a load that changes: python -m benchmarks.changing

What counts is how many requests are answered within the target, which is their deadline too. MiniLM behind one server
for each policy; all are up at the same time, and take turns at each phase of the load. `--simulated`: the engine alone,
under a virtual clock, with steps that take what they took on the machine of docs/benchmarks.md: the same each time.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.load import load
from benchmarks.machine import described
from benchmarks.openloop import offer
from benchmarks.overload import bodies, minilm_model
from benchmarks.phases import Phase, phases
from benchmarks.serving import Running, serving
from benchmarks.simulated import STEPS, simulated

WINDOWS_MS, ROWS = (0, 1, 3, 10), (8, 16, 32)


def policies(target: float, windows: Sequence[float], rows: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Sections of the configuration, by name: `adaptive` first."""
    found: dict[str, dict[str, Any]] = {"adaptive": {"policy": "adaptive", "target_p99_ms": target * 1e3}}
    for most in rows:
        for window in windows:
            found[f"{most} rows, {window:g} ms"] = {
                "policy": "dynamic",
                "max_batch_size": most,
                "max_delay_ms": window,
            }
    return found


def served(server: Running, phase: Phase, requests: Sequence[bytes], seconds: float, target: float) -> int:
    """How many requests of one phase a server answered within the target."""
    if phase.clients:
        measured = asyncio.run(load(server.port, requests, phase.clients, seconds, warm=0))
        return measured.within(target)
    return uvloop.run(offer(server.port, requests, phase.moments(seconds), 600)).within(target)


def measured(arguments: argparse.Namespace, named: Mapping[str, Any]) -> dict[str, list[int]]:
    """Answers within the target by policy, over the phases."""
    requests = bodies("minilm", arguments.target_ms / 1e3)
    good: dict[str, list[int]] = defaultdict(list)
    with ExitStack() as stack:
        servers = {}
        for number, (name, policy) in enumerate(named.items()):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(suffix=str(number))))
            model = {**minilm_model(), "batching": policy}
            servers[name] = stack.enter_context(serving({"models": {"minilm": model}}, folder))
        for phase in phases(arguments.capacity):
            totals = dict.fromkeys(named, 0)
            for _ in range(arguments.rounds):
                for name, server in servers.items():
                    seconds = arguments.seconds
                    totals[name] += served(server, phase, requests, seconds, arguments.target_ms / 1e3)
            for name, total in totals.items():
                good[name].append(total)
            print(f"{phase.name}: " + ", ".join(f"{name} {total}" for name, total in totals.items()), flush=True)
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target-ms", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=2, help="of each phase, policy and round")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--windows-ms", type=float, nargs="+", default=list(WINDOWS_MS))
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--capacity", type=float, default=270, help="requests a second that the machine does at best")
    parser.add_argument("--simulated", choices=list(STEPS), help="which device is simulated instead")
    arguments = parser.parse_args()
    named = policies(arguments.target_ms / 1e3, arguments.windows_ms, arguments.rows)
    if arguments.simulated:
        print(f"simulated, {arguments.simulated}")
        good = simulated(arguments.simulated, named, arguments.seconds, arguments.target_ms / 1e3)
        shown = phases(STEPS[arguments.simulated].capacity)
    else:
        print(described("onnxruntime", "uvicorn", "numpy"))
        good, shown = measured(arguments, named), phases(arguments.capacity)
    print(f"\nrequests answered within {arguments.target_ms:g} ms, by phase")
    for number, phase in enumerate(shown, 1):
        print(f"  {number}: {phase.name}")
    print(
        f"{'':18}" + "".join(f"{number:8}" for number in range(1, len(shown) + 1)) + f"{'all':>9}{'adaptive / it':>15}"
    )
    for name, values in good.items():
        ratio = sum(good["adaptive"]) / max(sum(values), 1)
        print(f"{name:18}" + "".join(f"{value:8}" for value in values) + f"{sum(values):9}{ratio:15.3f}")


if __name__ == "__main__":
    main()
