"""What a figure was measured on, for the head of a report."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def described(*packages: str) -> str:
    """Processor, cores, Python, and the versions of `packages`, on one line."""
    model = platform.machine()
    flags: set[str] = set()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
        elif line.startswith("flags"):
            flags = set(line.split(":", 1)[1].split())
    sets = [name for name in ("avx2", "avx512f", "avx512_vnni", "amx_tile") if name in flags]
    with_versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{model}, {os.cpu_count()} cores, {' '.join(sets)}; Python {platform.python_version()}, {with_versions}"
