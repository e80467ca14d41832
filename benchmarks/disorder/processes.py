"""The server's processes, seen from outside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that `pid` has started, and theirs, that run."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            own = [int(one) for one in task.read_text().split()]
        except OSError:
            continue
        for one in own:
            found += [one, *children(one)]
    return [one for one in found if runs(one)]


def workers(pid: int) -> list[int]:
    """Those of its children in which replicas live."""
    found = []
    for one in children(pid):
        try:
            if b"placement.process.worker" in Path(f"/proc/{one}/cmdline").read_bytes():
                found.append(one)
        except OSError:
            continue
    return found


def runs(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] not in "ZX"
    except (OSError, IndexError):
        return False


def memory(pid: int) -> float:
    """MiB of its own, without what it shares."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * 4096 / 2**20


def descriptors(pid: int) -> int:
    """How many files and sockets it has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def left(pids: Iterable[int], seconds: float) -> list[int]:
    """Those that still run after so long."""
    until = time.monotonic() + seconds
    remaining = [pid for pid in pids if runs(pid)]
    while remaining and time.monotonic() < until:
        await asyncio.sleep(0.05)
        remaining = [pid for pid in remaining if runs(pid)]
    return remaining
