"""Running a benchmark as it is run by hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LONGEST = 280.0  # seconds
_GRACE = 30.0  # seconds for it and its servers to end once they are told to


def printed(name: str, *arguments: str) -> str:
    """What `python -m benchmarks.NAME ARGUMENTS` prints; it must end with status 0."""
    run = finished([sys.executable, "-m", f"benchmarks.{name}", *arguments], _LONGEST)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def finished(words: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a command that starts servers, which are told to end with it. Raises TimeoutExpired, with what it printed as
    a note, if it takes longer than `seconds`."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    try:
        output, errors = process.communicate(timeout=seconds)
    except BaseException as error:
        _end(process, signal.SIGTERM)
        try:
            output, errors = process.communicate(timeout=_GRACE)
        except subprocess.TimeoutExpired:
            _end(process, signal.SIGKILL)
            output, errors = process.communicate(timeout=_GRACE)
        error.add_note(output + errors)
        raise
    return subprocess.CompletedProcess(words, process.returncode, output, errors)


def _end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def row(output: str, name: str) -> list[str]:
    """The columns of the first line that begins with `name`."""
    line = next(line.strip() for line in output.splitlines() if line.strip().startswith(name))
    return line.removeprefix(name).split()
