"""The device check: the way that it goes, gone on the processor."""

from __future__ import annotations

import pytest

from jackfield.cuda import missing_driver
from tests.benchmarks.running import printed


@pytest.mark.slow
def test_the_way_is_gone_on_the_processor() -> None:
    output = printed("gpu", "--device", "cpu", "--seconds", "0.2", "--no-tests", "--ways", "torch", "onnxruntime")
    rows = {
        line.split(" | ")[0].removeprefix("| "): line.split(" | ")[1:] for line in output.splitlines() if "| " in line
    }
    for way in ("torch", "onnxruntime"):
        far, inside, outside, ratio = (float(one.strip(" |").replace(",", "")) for one in rows[way][:4])
        assert far < 1e-4
        assert min(inside, outside, ratio) > 0


@pytest.mark.skipif(missing_driver() is None, reason="there is a driver here")
def test_without_a_device_it_says_so() -> None:
    with pytest.raises(AssertionError, match="there is no NVIDIA driver"):
        printed("gpu")
