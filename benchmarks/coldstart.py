"""From the command to the first right answer of MiniLM, by phase: python -m benchmarks.coldstart

`jackfield serve` is started anew each time, asked as soon as its port is open, and again until it gives an answer,
which is compared with ONNX Runtime's own. The phases are those of the server's log. Files are in the system's cache
after the first start.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from benchmarks.peers.peer import PEERS
from benchmarks.peers.running import running
from benchmarks.peers.subjects import NAMES, Subject, subject

TARGET = 1.5
PHASES = (
    ("interpreter and own imports", "imports"),
    ("plugins found and imported", "plugins_s"),
    ("configuration read and checked", "config_s"),
    ("app built, port open", "listening"),
    ("model loaded", "load_s"),
    ("batch axis proved", "probe_s"),
    ("every step size warmed up", "warm_up_s"),
    ("first right answer after ready", "answer"),
    ("in all", "all"),
)


def started(asked: Subject, folder: Path) -> dict[str, float]:
    """One start; seconds by phase. Loading begins shortly before the port is open, so that the sum is a little more."""
    with running(PEERS["jackfield"], Path(), folder, asked) as server:
        lines = [json.loads(line) for line in (folder / "log").read_text().splitlines() if line.startswith("{")]
    events = {line["event"]: line for line in lines}
    configured, ready = events["configured"], events["model is ready"]
    imports = moment(configured) - server.began - configured["plugins_s"] - configured["config_s"]
    return {
        "imports": imports,
        "plugins_s": configured["plugins_s"],
        "config_s": configured["config_s"],
        "listening": moment(events["listening"]) - moment(configured),
        "load_s": ready["load_s"],
        "probe_s": ready["probe_s"],
        "warm_up_s": ready["warm_up_s"],
        "answer": server.began + server.cold - moment(ready),
        "all": server.cold,
    }


def moment(event: dict[str, Any]) -> float:
    """Of a line of the log, in seconds since the epoch."""
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=NAMES, default="minilm")
    parser.add_argument("--starts", type=int, default=10)
    arguments = parser.parse_args()
    print(described("onnxruntime", "uvicorn", "numpy"))
    asked = subject(arguments.model)
    with tempfile.TemporaryDirectory() as folder:
        found = [started(asked, Path(folder, str(number))) for number in range(arguments.starts)]
    print(f"{arguments.model}, {arguments.starts} starts{'median s':>20}{'shortest':>10}{'longest':>10}")
    for name, key in PHASES:
        values = [one[key] for one in found]
        print(f"{name:34}{statistics.median(values):8.3f}{min(values):10.3f}{max(values):10.3f}")
    longest = max(one["all"] for one in found)
    print(f"longest {longest:.2f} s: {'within' if longest <= TARGET else 'NOT within'} {TARGET} s")


if __name__ == "__main__":
    main()
