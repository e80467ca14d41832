"""The short form of the chaos, with small models: a run of ten minutes is by hand."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.running import printed, row
from tests.plugins.generation import tiny

TROUBLE = ("kill", "kill all of a moment", "hang", "starve", "hog", "roll")


def test_nothing_is_lost_whatever_goes_wrong(tmp_path: Path) -> None:
    tiny.save("llama-tied", tmp_path)
    small = ("--models", "small", "--decoder", str(tmp_path), "--clients", "1", "--tokens", "24")
    short = ("--seconds", "8", "--every", "0.8", "--silence", "1", "--most-refused", "1")
    output = printed("chaos", *small, *short)
    assert "nothing is wrong" in output
    for model in ("embed", "classify", "lm"):
        sent, right, wrong, failed, lost, *_ = map(int, row(output, model))
        assert sent >= right > 0 == wrong == failed == lost
    done = output.split("seed 1; ", 1)[1].split("\n", 1)[0]
    for kind in TROUBLE:
        assert f"{kind} " in done
