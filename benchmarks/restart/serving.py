"""A server that is started, asked for its first right answers, and killed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.coldstart import moment
from benchmarks.restart.traffic import Asked

_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Started:
    """`began`: when its command was given, in seconds since the epoch; `answered`: from then to each model's first
    right answer."""

    process: subprocess.Popen[bytes]
    port: int
    began: float
    answered: dict[str, float]
    log: Path

    def phases(self) -> dict[str, float]:
        """Seconds, out of its log: those of the server, and of each model by its name and a dot."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        events = {line["event"]: line for line in lines if "model" not in line}
        configured = events["configured"]
        found = {
            "imports": moment(configured) - self.began - configured["plugins_s"] - configured["config_s"],
            "plugins": configured["plugins_s"],
            "config": configured["config_s"],
            "ready": max(moment(line) for line in lines if line["event"] == "model is ready") - self.began,
        }
        for name, answered in self.answered.items():
            told: dict[str, Any] = {line["event"]: line for line in reversed(lines) if line.get("model") == name}
            ready = told["model is ready"]
            whole = moment(ready) - moment(told["model is loading"])
            took = {phase: ready.get(f"{phase}_s", 0.0) for phase in ("load", "probe", "warm_up")}
            found |= {f"{name}.{phase}": seconds for phase, seconds in took.items()}
            found[f"{name}.process"] = max(whole - sum(took.values()), 0.0)
            found[f"{name}.whole"] = whole
            found[f"{name}.answered"] = answered
        return found


@contextmanager
def started(
    models: Sequence[Asked], paths: dict[str, Path], placement: str, workers: int, port: int, folder: Path
) -> Iterator[Started]:
    """A server of `models`, which are loaded from `paths`, with its temporary files in `folder`/tmp. Raises SystemExit
    if one gives no right answer."""
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    config = folder / "jackfield.yaml"
    sections = {model.name: {"source": str(paths[model.name]), "placement": placement} for model in models}
    config.write_text(json.dumps({"server": {"port": port, "workers": workers}, "models": sections}))
    log = folder / "log"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # who is ended must end this too
    began = time.time()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jackfield", "serve", str(config), "--log-format", "json"],
            env={**os.environ, "TMPDIR": str(folder / "tmp")},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        answered = {model.name: _first(model, port, process, log, began) - began for model in models}
        yield Started(process, port, began, answered, log)
    finally:
        process.kill()
        process.wait()


def _first(model: Asked, port: int, process: subprocess.Popen[bytes], log: Path, began: float) -> float:
    problem = "it was not asked"
    while time.time() < began + _PATIENCE and process.poll() is None:
        try:
            if model.first(port):
                return time.time()
            problem = "the answer is wrong"
        except (OSError, http.client.HTTPException, LookupError) as error:
            problem = str(error)
        time.sleep(0.01)
    raise SystemExit(f"'{model.name}' gave no right answer: {problem}\n{log.read_text(errors='replace')[-2000:]}")
