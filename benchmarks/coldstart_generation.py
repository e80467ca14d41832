"""From the command to the first token of SmolLM2, by phase: python -m benchmarks.coldstart_generation

`jackfield serve` is started anew each time with the GGUF, asked as soon as its port is open, and again until a token
comes. The phases are those of the server's log. Files are in the system's cache after the first start.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from benchmarks.coldstart import moment
from benchmarks.generation.peers import FP32, PEERS, Peer, ours
from benchmarks.generation.running import alone, running
from benchmarks.machine import described

TARGET = 5.0
PHASES = (
    ("interpreter and own imports", "imports"),
    ("plugins found and imported", "plugins_s"),
    ("configuration read and checked", "config_s"),
    ("file mapped, architecture known", "weights"),
    ("tokenizer made", "tokenizer"),
    ("backend opened, weights laid out", "opened"),
    ("every step size warmed up", "warm_up_s"),
    ("first token after ready", "answer"),
    ("in all", "all"),
)
AS_STORED = "ours, as stored"


def started(peer: Peer, folder: Path) -> dict[str, float]:
    """One start; seconds by phase. The app is built beside the loading, and has no phase."""
    with running(peer, Path(), folder) as server:
        lines = [json.loads(line) for line in (folder / "log").read_text().splitlines() if line.startswith("{")]
    events = {line["event"]: line for line in lines}
    loaded = {line["phase"]: line["seconds"] for line in lines if line["event"] == "loaded"}
    configured, ready = events["configured"], events["model is ready"]
    return {
        "imports": moment(configured) - server.began - configured["plugins_s"] - configured["config_s"],
        "plugins_s": configured["plugins_s"],
        "config_s": configured["config_s"],
        "weights": loaded["weights"],
        "tokenizer": loaded["tokenizer"],
        "opened": ready["load_s"] - sum(loaded.values()),
        "warm_up_s": ready["warm_up_s"],
        "answer": server.began + server.cold - moment(ready),
        "all": server.cold,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--fp32", action="store_true", help="unpack the weights to fp32 instead of as they are stored")
    parser.add_argument("--lock", type=Path, help="a file to lock meanwhile, for others on the machine")
    arguments = parser.parse_args()
    print(described("uvicorn", "numpy"))
    peer = PEERS[FP32] if arguments.fp32 else ours(AS_STORED, {})
    with alone(arguments.lock), tempfile.TemporaryDirectory() as folder:
        found = [started(peer, Path(folder, str(number))) for number in range(arguments.starts)]
    print(f"{peer.name}, {arguments.starts} starts{'median s':>24}{'shortest':>10}{'longest':>10}")
    for name, key in PHASES:
        values = [one[key] for one in found]
        print(f"{name:34}{statistics.median(values):8.3f}{min(values):10.3f}{max(values):10.3f}")
    longest = max(one["all"] for one in found)
    print(f"longest {longest:.2f} s: {'within' if longest <= TARGET else 'NOT within'} {TARGET} s")


if __name__ == "__main__":
    main()
