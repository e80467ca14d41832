from __future__ import annotations

from benchmarks.generation.models import checkpoint, original
from benchmarks.generation.prompts import following, prompt


def test_prompts_are_as_long_as_said_and_differ_from_the_start() -> None:
    tokenizer = checkpoint(original()).tokenizer
    texts = [prompt(tokenizer, 128, f"{number}") for number in range(20)]
    assert {len(tokenizer.encode(text)) for text in texts} == {128}
    assert len({text[:12] for text in texts}) == 20
    assert texts[3] == prompt(tokenizer, 128, "3")
    prefix = prompt(tokenizer, 64, "prefix")
    tails = [following(tokenizer, prefix, 16, f"{number}") for number in range(4)]
    assert len(set(tails)) == 4
    for text in tails:
        tokens = tokenizer.encode(text)
        assert len(tokens) == 80
        assert tokens[:64] == tokenizer.encode(prefix)
