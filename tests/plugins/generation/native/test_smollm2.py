"""A real model from a real GGUF file, against transformers, which dequantises the same file to float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers

from jackfield import Array
from jackfield_plugins.generation.checkpoints.checkpoint import Checkpoint
from jackfield_plugins.generation.checkpoints.gguf import GgufLoader, GgufOptions
from jackfield_plugins.generation.native import NativeDecoder, NativeOptions
from tests.plugins.generation import smollm2, tiny
from tests.plugins.generation.native.kernels import sets
from tests.plugins.generation.stepping import Stepping

pytestmark = pytest.mark.slow

PROMPTS = (
    "Gravity is",
    "def fibonacci(n):\n    ",
    "Write a haiku about the sea.\n" * 12,
    "日本の首都は東京です。 Die Straße nach Zürich, 1234567890!",
    "The quick brown fox jumps over the lazy dog. " * 60,
)
MORE = 24
EXACT = {
    "auto": NativeOptions(),
    "blocks": NativeOptions(storage="blocks"),
    "fp32": NativeOptions(storage="fp32"),
    "avx2": NativeOptions(instruction_set="avx2"),
}
LOSSY = {
    "half": NativeOptions(storage="half"),
    "KV half": NativeOptions(cache="half"),
    "int8": NativeOptions(storage="int8"),
    "integer": NativeOptions(arithmetic="integer"),
    "int8 integer": NativeOptions(storage="int8", arithmetic="integer"),
}


@pytest.fixture(scope="module")
def reference() -> Any:
    """The model in transformers, float32."""
    path = smollm2.path()
    return transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """The same file by our loader."""
    found = GgufLoader(GgufOptions()).load(str(smollm2.path())).content
    assert isinstance(found, Checkpoint)
    return found


def greedy(stepping: Stepping, prompts: list[list[int]]) -> tuple[list[Array], list[list[int]]]:
    """All prompts in one step, then all sequences a token a step: the prompts' logits, and what was chosen."""
    whole = stepping.step([(line, 0, tokens) for line, tokens in enumerate(prompts)])
    found = [[int(rows[-1].argmax())] for rows in whole]
    for _ in range(MORE - 1):
        parts = [(line, len(prompts[line]) + len(more) - 1, more[-1:]) for line, more in enumerate(found)]
        for more, rows in zip(found, stepping.step(parts), strict=True):
            more.append(int(rows[0].argmax()))
    return whole, found


@pytest.mark.parametrize("way", EXACT.values(), ids=EXACT)
def test_log_probabilities_and_greedy_tokens(reference: Any, checkpoint: Checkpoint, way: NativeOptions) -> None:
    """Every token the reference's; log-probabilities within 1e-4."""
    decoder = NativeDecoder(checkpoint.spec, 320, options=way)
    prompts = [checkpoint.tokenizer.encode(prompt) for prompt in PROMPTS]
    whole, found = greedy(Stepping(decoder, len(PROMPTS)), prompts)
    for tokens, more, got in zip(prompts, found, whole, strict=True):
        # one pass over what we chose: each token must be the reference's choice after those before it
        wanted = tiny.logits(reference, tokens + more)
        expected = tiny.log_probabilities(wanted[: len(tokens)])
        np.testing.assert_allclose(tiny.log_probabilities(got), expected, atol=1e-4, rtol=0)
        assert more == wanted.argmax(-1)[len(tokens) - 1 : -1].tolist()
    decoder.close()


@pytest.mark.parametrize("way", (EXACT | LOSSY).values(), ids=EXACT | LOSSY)
def test_alone_and_in_pieces_the_bits_are_the_same(checkpoint: Checkpoint, way: NativeOptions) -> None:
    """In every mode, exact or not."""
    decoder = NativeDecoder(checkpoint.spec, 128, options=way)
    tokens = checkpoint.tokenizer.encode(PROMPTS[2] + PROMPTS[3])
    stepping = Stepping(decoder, 3)
    whole = stepping.whole(0, tokens)
    assert (stepping.cut(1, tokens, [50, 3, 1]) == whole).all()
    other = stepping.step([(2, 0, tokens[:60]), (0, 0, tokens), (1, 0, tokens[:7])])
    assert (other[1] == whole).all()
    decoder.close()


@pytest.mark.parametrize(("name", "most"), [("half", 2e-3), ("KV half", 2e-3), ("int8", 0.03), ("integer", 0.05)])
def test_what_lossy_ways_lose(checkpoint: Checkpoint, name: str, most: float) -> None:
    """The mean divergence of the next token's distribution from the exact one, in nats."""
    tokens = checkpoint.tokenizer.encode("".join(PROMPTS[:4]))
    found = []
    for way in (NativeOptions(), LOSSY[name]):
        decoder = NativeDecoder(checkpoint.spec, 64, options=way)
        found.append(tiny.log_probabilities(Stepping(decoder, 1).whole(0, tokens)).astype(np.float64))
        decoder.close()
    exact, lossy = found
    assert 0 < float((np.exp(exact) * (exact - lossy)).sum(-1).mean()) < most


def test_sets_are_tried() -> None:
    """At least one instruction set is here: otherwise nothing above was tested."""
    assert any(not number.marks for number in sets())
