"""Servers that need no environment of their own are started and measured. Others: `make peers`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.benchmarks.running import printed


@pytest.mark.slow
def test_servers_take_turns(tmp_path: Path) -> None:
    (tmp_path / "transformers").symlink_to(sys.prefix)
    output = printed(
        "generation", "--peers", "ours, fp32", "naive", "--connections", "1", "--rounds", "1", "--seconds", "0",
        "--environments", str(tmp_path),
    )  # fmt: skip
    rows = {
        line.split(" | ")[0].removeprefix("| "): line.split(" | ")[1:] for line in output.splitlines() if "|" in line
    }
    assert output.count("| ours, fp32 |") == 4  # alone, the prefix cold and warm, and how long the start took
    assert output.count("| naive fp32 |") == 2
    assert "| 1 of 1 |" in output
    assert float(rows["naive fp32"][0]) > 0
    assert "- 1 at a time: ours, fp32, share of the roofline: " in output
