"""Short forms of the comparisons with transformers, and of a request with itself in company."""

from __future__ import annotations

import pytest
from benchmarks.equality.bits import MODES
from benchmarks.equality.ways import WAYS

from tests.benchmarks.running import printed, row
from tests.plugins.generation import smollm2

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("backend", ["fp32", "blocks"])
def test_every_way_says_what_transformers_says(backend: str) -> None:
    smollm2.path()
    output = printed("equality", "--backends", backend, "--longest", "40", "--tokens", "12")
    assert output.splitlines()[-1] == "0 wrong"
    for way in WAYS:
        tokens, differ, ties = row(output, f"{backend}, {way}")[:3]
        assert int(tokens.replace(",", "")) >= 15 * 12 - 12 * int(ties)
        assert differ == "0"


def test_bits_are_the_same_in_every_mode() -> None:
    smollm2.path()
    output = printed("equality.bits", "--longest", "40", "--tokens", "8")
    for mode in MODES:
        assert row(output, f"{mode}  ")[:3] == ["0", "0", "0"]
