"""A real model from a real GGUF file, against transformers, which dequantises the same file to float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers

from jackfield_plugins.generation.checkpoints.checkpoint import Checkpoint
from jackfield_plugins.generation.checkpoints.gguf import GgufLoader, GgufOptions
from jackfield_plugins.generation.torch_decoder.decoder import TorchDecoder
from tests.plugins.generation import smollm2, tiny
from tests.plugins.generation.stepping import Stepping

pytestmark = pytest.mark.slow

PROMPTS = (
    "Gravity is",
    "def fibonacci(n):\n    ",
    "Write a haiku about the sea.\n" * 12,
    "日本の首都は東京です。 Die Straße nach Zürich, 1234567890!",
)


@pytest.fixture(scope="module")
def reference() -> Any:
    path = smollm2.path()
    return transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    found = GgufLoader(GgufOptions()).load(str(smollm2.path())).content
    assert isinstance(found, Checkpoint)
    return found


@pytest.fixture(scope="module")
def decoder(checkpoint: Checkpoint) -> TorchDecoder:
    return TorchDecoder(checkpoint.spec, 128)


def test_log_probabilities_and_greedy_tokens(reference: Any, checkpoint: Checkpoint, decoder: TorchDecoder) -> None:
    stepping = Stepping(decoder, len(PROMPTS))
    prompts = [checkpoint.tokenizer.encode(prompt) for prompt in PROMPTS]
    whole = stepping.step([(line, 0, tokens) for line, tokens in enumerate(prompts)])
    for tokens, got in zip(prompts, whole, strict=True):
        wanted = tiny.log_probabilities(tiny.logits(reference, tokens))
        np.testing.assert_allclose(tiny.log_probabilities(got), wanted, atol=1e-4, rtol=0)
    found = [[int(rows[-1].argmax())] for rows in whole]
    for _ in range(15):
        parts = [
            (line, len(prompts[line]) + len(more) - 1, more[-1:]) for line, more in enumerate(found)
        ]  # all in one step
        for more, rows in zip(found, stepping.step(parts), strict=True):
            more.append(int(rows[0].argmax()))
    for tokens, more in zip(prompts, found, strict=True):
        # one pass over what we chose: each token must be the reference's choice after those before it
        wanted = tiny.logits(reference, tokens + more).argmax(-1)[len(tokens) - 1 : -1]
        assert more == wanted.tolist()


def test_alone_and_in_pieces_the_bits_are_the_same(checkpoint: Checkpoint, decoder: TorchDecoder) -> None:
    assert decoder.describe()["same bits in any company"].startswith("yes")
    tokens = checkpoint.tokenizer.encode(PROMPTS[2] + PROMPTS[3])
    stepping = Stepping(decoder, 3)
    whole = stepping.whole(0, tokens)
    assert (stepping.cut(1, tokens, [50, 3, 1]) == whole).all()
    other = stepping.step([(2, 0, tokens[:60]), (0, 0, tokens), (1, 0, tokens[:7])])
    assert (other[1] == whole).all()
