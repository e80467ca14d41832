"""Short forms of the comparisons with transformers, and of a request with itself in company."""

from __future__ import annotations

import pytest
from benchmarks.equality.ways import WAYS

from tests.benchmarks.running import printed, row
from tests.plugins.generation import smollm2

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("ways", [list(WAYS)[:4], list(WAYS)[4:]], ids=["first", "second"])
@pytest.mark.parametrize("backend", ["fp32", "blocks"])
def test_every_way_says_what_transformers_says(backend: str, ways: list[str]) -> None:
    smollm2.path()
    output = printed("equality", "--backends", backend, "--longest", "40", "--tokens", "12", "--ways", *ways)
    assert output.splitlines()[-1] == "0 wrong"
    for way in ways:
        tokens, differ, ties = row(output, f"{backend}, {way}")[:3]
        assert int(tokens.replace(",", "")) >= 15 * 12 - 12 * int(ties)
        assert differ == "0"


@pytest.mark.parametrize("mode", ["fp32", "blocks, integer", "int8, integer"])
def test_bits_are_the_same(mode: str) -> None:
    smollm2.path()
    output = printed("equality.bits", "--longest", "40", "--tokens", "8", "--modes", mode)
    assert row(output, f"{mode}  ")[:3] == ["0", "0", "0"]
