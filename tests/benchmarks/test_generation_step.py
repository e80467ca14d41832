from __future__ import annotations

import re

import pytest
from benchmarks.generation_step import KINDS

from tests.benchmarks.running import printed

PARTS = ["plan", "rows", "sampling and answers", "delivery", "metrics"]
ROW = re.compile(r"(.{24}) +([\d.]+)   \((.+)\)   numpy +([\d.]+), ratio ([\d.]+)")


def test_a_row_for_each_kind_whose_figure_is_the_sum_of_its_parts() -> None:
    head, *lines = printed("generation_step", "2", "--steps", "4", "--tries", "1", "--threads", "1").splitlines()
    assert head == "2 streams, vocabulary 49152, 1 threads, ms a step (the best of 1):"
    rows = [found.groups() for line in lines if (found := ROW.fullmatch(line))]
    assert [kind.strip() for kind, *_ in rows] == list(KINDS)
    assert len(rows) == len(lines)
    for _, whole, told, numpy, ratio in rows:
        parts = dict(part.rsplit(" ", 1) for part in told.split(", "))
        assert list(parts) == PARTS
        assert all(float(ms) > 0 for ms in parts.values()), parts
        assert float(whole) == pytest.approx(sum(map(float, parts.values())), abs=0.0031)  # all are rounded
        assert float(ratio) == pytest.approx(float(numpy) / float(whole), rel=0.02, abs=0.1)
