"""A server's processes, its children included: their processor time and memory."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def processes(root: int) -> list[int]:
    """The process `root` and all that descend from it, as far as they live."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    found = [root]
    for pid in found:  # grows as it goes
        found += children[pid]
    return found


def cpu_seconds(root: int) -> float:
    """Processor time that they have used so far, of children that have ended too."""
    return sum(sum(map(int, fields[11:15])) for pid in processes(root) if (fields := _stat(pid))) / _TICK


def memory_mib(root: int) -> float:
    """Resident memory, in which pages that several share count once."""
    total = 0
    for pid in processes(root):
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:  # it has ended meanwhile
            continue
        total += int(text.split("Pss:", 1)[1].split()[0])
    return total / 1024


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []
