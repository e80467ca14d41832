"""The short form of the chaos, with small models: a run of ten minutes is by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.running import ROOT, row
from tests.plugins.generation import tiny

TROUBLE = ("kill", "kill all of a moment", "hang", "starve", "hog", "roll")


def test_nothing_is_lost_whatever_goes_wrong(tmp_path: Path) -> None:
    tiny.save("llama-tied", tmp_path)
    small = ("--models", "small", "--decoder", str(tmp_path), "--clients", "1", "--tokens", "24")
    short = ("--seconds", "8", "--every", "0.8", "--silence", "1", "--most-refused", "1")
    words = [sys.executable, "-m", "benchmarks.chaos", *small, *short]
    run = subprocess.run(words, check=False, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "nothing is wrong" in run.stdout
    for model in ("embed", "classify", "lm"):
        sent, right, wrong, failed, lost, *_ = map(int, row(run.stdout, model))
        assert sent >= right > 0 == wrong == failed == lost
    done = run.stdout.split("seed 1; ", 1)[1].split("\n", 1)[0]
    for kind in TROUBLE:
        assert f"{kind} " in done
