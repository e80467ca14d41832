from __future__ import annotations

import pytest
from benchmarks.generation.demands import demands
from benchmarks.generation.peers import BLOCKS, FP32, INTEGER
from benchmarks.generation.points import Figures
from benchmarks.generation.report import tables
from benchmarks.generation.results import Results

ALONE = "1 at a time"


def results(rates: dict[str, tuple[float, float]], first: dict[str, float] | None = None) -> Results:
    found = Results()
    for server, both in rates.items():
        seconds = (first or {}).get(server, 0.1)
        for rate in both:
            found.by[ALONE, server].append(Figures(rate, [seconds] * 3, [0.01, 0.02], 2, {0: "a", 1: server}))
    found.limits[1] += [100.0, 200.0]
    return found


def test_ratios_are_taken_within_a_round() -> None:
    lines = list(tables(results({FP32: (60.0, 90.0), "vLLM fp32": (30.0, 60.0)})))
    assert lines[1].startswith("| 1 at a time | tokens/s |")
    assert lines[4] == "| vLLM fp32 | 45 | 100.0 | 100.0 | 15.0 | 19.9 | 1.75 (1.50 to 2.00) | 2 of 4 |"


def test_says_what_was_held_and_what_was_missed() -> None:
    rates = {FP32: (70.0, 110.0), BLOCKS: (120.0, 120.0), INTEGER: (150.0, 130.0), "llama.cpp Q4_0": (100.0, 100.0)}
    rates["vLLM fp32"] = (40.0, 40.0)
    found = list(demands(results(rates, {"llama.cpp Q4_0": 0.05}), vnni=True))
    assert found == [
        "- 1 at a time: tokens/s, ours, fp32 / vLLM fp32: 2.25 (1.75 to 2.75), at least 1.5 is asked: held",
        "- 1 at a time: ours, fp32, share of the roofline: 0.62 (0.55 to 0.70), at least 0.6 is asked: held",
        "- 1 at a time: tokens/s, ours, blocks, integer / llama.cpp Q4_0: 1.40 (1.30 to 1.50), at least 1.5 is asked: "
        "MISSED",
        "- 1 at a time: tokens/s, ours, blocks / llama.cpp Q4_0: 1.20 (1.20 to 1.20), at least 1 is asked: held",
        "- 1 at a time: time to the first token, llama.cpp Q4_0 / ours, fp32: 0.50 (0.50 to 0.50), at least 1 is asked:"
        " MISSED",
    ]


@pytest.mark.parametrize(
    ("vnni", "verdict"), [(True, "at least 1.5 is asked: MISSED"), (False, "at least 1.2 is asked: held")]
)
def test_more_is_asked_where_there_is_vnni(vnni: bool, verdict: str) -> None:
    lines = demands(results({INTEGER: (130.0, 130.0), "OpenVINO int8": (100.0, 100.0)}), vnni)
    assert any(line.endswith(f"(1.30 to 1.30), {verdict}") for line in lines)
