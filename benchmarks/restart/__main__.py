"""Everything is killed with SIGKILL while it is at work, and started again: python -m benchmarks.restart

Each model alone, and all together; their files in the system's cache, and out of it as after a reboot. Odd
rounds kill the first process only, and the others must end by themselves; even rounds kill all at once. What is left
behind ends this with an error, and so does a wrong answer.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.generation.running import alone
from benchmarks.machine import described
from benchmarks.process import free_port
from benchmarks.restart.leftovers import gone, held, kill, left
from benchmarks.restart.serving import started
from benchmarks.restart.traffic import SMOLLM2, Asked, asked_of, at_work

PHASES = (
    ("interpreter and own imports", "imports"),
    ("plugins found and imported", "plugins"),
    ("configuration read and checked", "config"),
)
OF_MODEL = (
    ("from its turn to ready", "whole"),
    ("of these, process, imports, link", "process"),
    ("of these, loaded", "load"),
    ("of these, batch axis proved", "probe"),
    ("of these, warmed up", "warm_up"),
    ("command to first right answer", "answered"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=f"minilm,{SMOLLM2}", help="of mlp, minilm and smollm2")
    parser.add_argument("--placement", choices=("process", "thread"), default="process")
    parser.add_argument("--workers", type=int, default=1, help="front processes")
    parser.add_argument("--together", action="store_true", help="no model alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lock", type=Path, help="a file to lock meanwhile, for others on the machine")
    arguments = parser.parse_args()
    print(described("onnxruntime", "uvicorn", "numpy"))
    models = [asked_of(name) for name in arguments.models.split(",")]
    groups = [] if arguments.together else [[model] for model in models]
    groups += [models] if len(models) > 1 or arguments.together else []
    with alone(arguments.lock), tempfile.TemporaryDirectory() as folder:
        paths = {model.name: Path(shutil.copy(model.path, folder)).resolve() for model in models}
        for group in groups:
            for out in (False, True):
                where = Path(folder, f"{'-'.join(model.name for model in group)}-{out}")
                _show(
                    group,
                    out,
                    _restarted(group, paths, arguments.placement, arguments.workers, where, arguments.rounds, out),
                )


def _restarted(
    models: list[Asked], paths: dict[str, Path], placement: str, workers: int, folder: Path, rounds: int, out: bool
) -> list[dict[str, float]]:
    """Seconds by phase of each start that follows a kill."""
    port = free_port()
    found = []
    for number in range(rounds + 1):
        if out:
            for path in paths.values():
                _forget(path)
        with started(models, paths, placement, workers, port, folder / str(number)) as server:
            phases = server.phases()
            clients = at_work(models, port)
            time.sleep(0.5)  # they are in the middle of it
            had = held(server.process.pid, folder / str(number) / "tmp", port)
            kill(had, everything=number % 2 == 0)
            phases["gone"] = gone(had)
        for client in clients:
            client.join()
        if leftovers := left(had):
            raise SystemExit(f"left behind: {'; '.join(leftovers)}")
        phases["processes"] = len(had.processes)
        if number:
            found.append(phases)
    return found


def _forget(path: Path) -> None:
    """Have the system forget what it knows of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _show(models: Sequence[Asked], out: bool, found: list[dict[str, float]]) -> None:
    title = f"{' and '.join(model.name for model in models)}, files {'out of' if out else 'in'} the cache"
    print(f"\n{title}, {len(found)} restarts{'median s':>15}{'longest':>10}")
    rows = [*PHASES]
    for model in models:
        rows += [(f"{model.name}: {name}", f"{model.name}.{key}") for name, key in OF_MODEL]
    for name, key in (*rows, ("command to ready", "ready"), ("kill until all processes are gone", "gone")):
        values = [one[key] for one in found]
        print(f"{name:52}{statistics.median(values):8.3f}{max(values):10.3f}")
    print(f"processes killed: {found[0]['processes']:.0f}; left behind: nothing; wrong answers: 0")


if __name__ == "__main__":
    main()
