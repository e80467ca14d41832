"""A benchmark that hangs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.benchmarks.running import finished
from tests.e2e.processes import runs

STARTS_ANOTHER = """
import subprocess, sys, time
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
print("started", other.pid, flush=True)
time.sleep(3600)
"""


def test_one_that_hangs_is_ended_with_what_it_started_and_its_words_are_told() -> None:
    for seconds in (2, 10, 40):  # for an interpreter to start
        with pytest.raises(subprocess.TimeoutExpired) as raised:
            finished([sys.executable, "-c", STARTS_ANOTHER], seconds)
        (note,) = raised.value.__notes__
        if note:
            break
    assert note.startswith("started ")
    assert not runs(int(note.split()[1]))
