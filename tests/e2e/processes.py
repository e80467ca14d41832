"""The processes of a server, seen from outside."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.e2e.company import until


def children(pid: int) -> list[int]:
    """The processes that `pid` has started, and theirs, that run; none if it is gone."""
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
    """Those of its children that are replicas of placement `process`."""
    return [one for one in children(pid) if b"placement.process.worker" in _command(one)]


def runs(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] not in "ZX"
    except (OSError, IndexError):
        return False


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """It stands still meanwhile, as if it hung."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def gone(pids: list[int]) -> None:
    """Wait until none of them runs."""
    until(lambda: not any(map(runs, pids)), f"processes {pids} to end")


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
