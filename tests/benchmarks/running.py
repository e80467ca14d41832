"""Running a benchmark as it is run by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def printed(name: str, *arguments: str) -> str:
    """What `python -m benchmarks.NAME ARGUMENTS` prints; it must end with status 0."""
    words = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    run = subprocess.run(words, check=False, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def row(output: str, name: str) -> list[str]:
    """The columns of the first line that begins with `name`."""
    line = next(line.strip() for line in output.splitlines() if line.strip().startswith(name))
    return line.removeprefix(name).split()
