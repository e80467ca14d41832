from __future__ import annotations

import pytest
from benchmarks.perplexity import MOST, windows

from tests.benchmarks.running import printed, row
from tests.plugins.generation import smollm2
from tests.plugins.generation.serving.checkpoint import artifact


def test_the_text_is_the_same_each_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    tokenizer = artifact(tmp_path_factory.mktemp("tiny")).content.tokenizer
    cut, digest = windows(tokenizer, 1000, 300)
    assert [len(window) for window in cut] == [300, 300, 300, 100]
    assert windows(tokenizer, 1000, 300) == (cut, digest)
    assert windows(tokenizer, 600, 300)[0] == cut[:2]


@pytest.mark.slow
def test_what_each_way_loses() -> None:
    smollm2.path()
    ways = ["half", "blocks", "int8", "KV half"]
    output = printed("perplexity", "--tokens", "512", "--window", "256", "--ways", *ways, "--reference", "1")
    assert output.splitlines()[-1] == "0 wrong"
    assert 5 < float(row(output, "fp32")[0]) < 40
    for way in ways:
        assert row(output, f"{way}  ")[1] == MOST[way][0]
    assert "transformers, fp32, 1 windows" in output
