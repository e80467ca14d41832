"""Those peers that need no environment of their own are started, checked and measured. Others: `make peers`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.benchmarks.running import printed, row


def test_takes_turns_and_checks_answers(tmp_path: Path) -> None:
    for name in ("floor", "fastapi"):
        (tmp_path / name).symlink_to(sys.prefix)
    output = printed(
        "peers", "mlp", "--peers", "jackfield", "floor", "fastapi", "--connections", "2", "--rounds", "1",
        "--seconds", "1", "--client", "python", "--environments", str(tmp_path),
    )  # fmt: skip
    for name in ("jackfield, JSON", "jackfield, binary", "floor, JSON rows", "fastapi, JSON rows"):
        columns = row(output, name)
        assert float(columns[0]) > 0
        assert columns[-1] == "0"
    assert float(row(output, "fastapi ")[0]) > 0
