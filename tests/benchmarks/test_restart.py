from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

from benchmarks.process import free_port
from benchmarks.restart.__main__ import OF_MODEL, PHASES
from benchmarks.restart.leftovers import held, left

from tests.benchmarks.running import printed


def test_nothing_is_left_behind_and_phases_come_from_the_servers_log() -> None:
    lines = printed("restart", "--models", "mlp", "--rounds", "2").splitlines()
    names = [name for name, _ in PHASES] + [f"mlp: {name}" for name, _ in OF_MODEL] + ["command to ready"]
    seconds = {name: [float(line.split()[-1]) for line in lines if line.startswith(name)] for name in names}
    assert all(len(values) == 2 and 0 <= min(values) <= max(values) < 60 for values in seconds.values()), seconds
    assert sum("left behind: nothing" in line for line in lines) == 2


def test_shared_memory_of_others_is_not_told(tmp_path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as opened, tempfile.NamedTemporaryFile(dir="/dev/shm") as mapped:
        mapped.truncate(4096)
        memory = mmap.mmap(mapped.fileno(), 4096)
        mapped.close()  # its name goes, and that is no leftover
        had = held(os.getpid(), tmp_path, free_port())
        with tempfile.NamedTemporaryFile(dir="/dev/shm") as later:
            told = left(had)
        memory.close()
    ours, gone, others = (f"shared memory '{Path(one.name).name}'" for one in (opened, mapped, later))
    assert ours in told
    assert gone not in told
    assert others not in told
    assert ours not in left(had)
