"""Whether a machine has the memory for one more version of a model."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

from jackfield.errors import LoadError
from jackfield.interfaces import Backend
from jackfield.types import Device

_CGROUP = Path("/sys/fs/cgroup")
_MOST_FILES = 10_000
_ENOUGH = 32 * 2**20


class _Trimmed:
    to = 0  # bytes of its own that this process had when it last gave some back, or fewer since then


_trimmed = _Trimmed()


def artifact_bytes(source: str) -> int:
    """What lies on disk at `source`; 0 if it is no file or folder, or cannot be looked at."""
    path = Path(source)
    try:
        if path.is_file():
            return path.stat().st_size
        if not path.is_dir():
            return 0
        files = (one for one, _ in zip(path.rglob("*"), range(_MOST_FILES), strict=False))
        return sum(one.stat().st_size for one in files if one.is_file())
    except OSError:
        return 0


def resident_bytes() -> int:
    """The memory that this process has; 0 where the system does not tell."""
    return _status("VmRSS:")


def _status(name: str) -> int:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 0


def give_back(*, once_grown: bool = False) -> None:
    """Return to the system what is free of this process' memory. A model leaves holes in the heap, which would grow
    with each update; but while they are given back, whoever asks for memory waits, for some milliseconds. `once_grown`:
    only if they have grown enough, where another takes the model's place. Not on the event loop."""
    if once_grown and (now := _status("RssAnon:")) < _trimmed.to + _ENOUGH:
        _trimmed.to = min(now, _trimmed.to)
        return
    gc.collect()  # a version, its replicas and their engines know each other
    _trim()
    _trimmed.to = _status("RssAnon:")


def _trim() -> None:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another libc
        return
    trim(0)


def free_bytes(backend: type[Backend] | None, device: str) -> int | None:
    """What `device` has free, as its backend tells, or the system where it is the processor's; None: nobody knows."""
    for one in backend.devices() if backend is not None else ():
        if one.name == device and one.memory_free is not None:
            return one.memory_free
        if one.name == device and one.kind != "cpu":
            return None
    return _system()


def _system() -> int | None:
    """What the system can give, within the limit of the control group that this process is in."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        if limit != "max":
            free = min(free, int(limit) - used + int(stat.get("inactive_file", 0)))
    except (OSError, ValueError):
        pass
    return max(free, 0)


def check_room(source: str, device: Device) -> None:
    """Raise LoadError if the weights of `source` alone are more than `device` has free. Of the processor nothing is
    asked, whose weights may be mapped; what steps take beside weights, warming up with the largest will tell."""
    need, free = artifact_bytes(source), device.memory_free
    if device.kind != "cpu" and free is not None and need > free:
        total = "" if device.memory_total is None else f" of {shown(device.memory_total)}"
        raise LoadError(
            f"'{source}' needs {shown(need)} of memory for its weights alone, and '{device.name}' has {shown(free)} "
            f"free{total}"
        )


def shown(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
