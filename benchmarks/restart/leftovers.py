"""What a server leaves behind that was killed: processes, shared memory with a name, files, its port."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tree import processes

_SHARED = Path("/dev/shm")
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Held:
    """What a running server has. Processes are known by number and moment of start, since numbers come again; `root` is
    the first. `names`: of shared memory that they have open or mapped. `folder`: for its temporary files."""

    root: int
    processes: dict[int, str]
    names: frozenset[str]
    folder: Path
    port: int


def held(root: int, folder: Path, port: int) -> Held:
    """By the server whose first process is `root`."""
    found = {pid: begun for pid in processes(root) if (begun := _begun(pid))}
    return Held(root, found, frozenset(name for pid in found for name in _names(pid)), folder, port)


def kill(had: Held, everything: bool) -> None:
    """SIGKILL for its first process, or for all of them."""
    for pid in list(had.processes) if everything else [had.root]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def gone(had: Held) -> float:
    """Seconds until none of its processes runs. Raises SystemExit if one goes on."""
    began = time.perf_counter()
    while left := [pid for pid, begun in had.processes.items() if _begun(pid) == begun]:
        if time.perf_counter() - began > _PATIENCE:
            raise SystemExit(f"processes go on: {', '.join(_command(pid) for pid in left)}")
        time.sleep(0.002)
    return time.perf_counter() - began


def left(had: Held) -> list[str]:
    """What is still there, in words."""
    found = [f"shared memory '{name}'" for name in sorted(had.names) if (_SHARED / name).exists()]
    found += [f"file '{path.name}'" for path in sorted(had.folder.iterdir())]
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", had.port))
        except OSError as error:
            found.append(f"port {had.port}: {error.strerror}")
    return found


def _names(pid: int) -> Iterator[str]:
    """Of the shared memory that it has mapped or open, and that has a name."""
    paths: list[str] = []
    with suppress(OSError):  # it has ended meanwhile
        paths += [line.split(maxsplit=5)[-1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                paths.append(os.readlink(descriptor))
    for path in paths:
        if path.startswith(f"{_SHARED}/") and not path.endswith(" (deleted)"):
            yield path.removeprefix(f"{_SHARED}/")


def _begun(pid: int) -> str:
    """When it was started, in the kernel's ticks; empty if it is gone, or a zombie that nobody has waited for yet."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return str(pid)
