"""What a step of text generation costs in Python, beside the decoder: plan, rows, sampling, answers, delivery,
metrics.

Runs the planner, the policy `continuous` and the executor, as the engine loop does, on a decoder that gives ready-made
logits of 49,152 tokens at once; so all that is measured is ours. `python -m benchmarks.generation_step [streams]`,
shorter with `--steps` and `--tries`.
"""

from __future__ import annotations

import argparse
import codecs
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from jackfield import Array, Options, Request, Step, Work
from jackfield.engine.bisect import run_step
from jackfield.engine.delivery import conclude
from jackfield.engine.planner import Planner
from jackfield.work import Result
from jackfield_plugins.generation.answer import MakeDetokenizer
from jackfield_plugins.generation.continuous import Continuous, ContinuousOptions
from jackfield_plugins.generation.decoder import Decoder, TokenRows
from jackfield_plugins.generation.executor import GenerationExecutor
from jackfield_plugins.generation.native.sampler import NativeSampler
from jackfield_plugins.generation.sampling.sampler import NumpySampler, Sampler
from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from jackfield_plugins.prometheus.generating import Generating
from jackfield_plugins.prometheus.observer import PrometheusOptions
from jackfield_plugins.scheduling.fifo import Fifo

VOCABULARY, STEPS, TRIES = 49_152, 100, 3
Parts = dict[str, float]
_DRAWN: Mapping[str, Any] = {"temperature": 0.8}
_SURE: Mapping[str, Any] = {"temperature": 0}
_PENALTIES = {"repetition_penalty": 1.1, "presence_penalty": 0.5, "frequency_penalty": 0.5}
KINDS: Mapping[str, Sequence[Mapping[str, Any]]] = {  # which the streams have in turn
    "greedy": [_SURE],
    "greedy, two stop texts": [{**_SURE, "stop": ["never said", "nor this"]}],
    "greedy, three penalties": [{**_SURE, **_PENALTIES}],
    "greedy, 20 biases": [{**_SURE, "logit_bias": dict.fromkeys(range(20), 0.5)}],
    "greedy, 0 logprobs": [{**_SURE, "logprobs": 0}],
    "greedy, 5 logprobs": [{**_SURE, "logprobs": 5}],
    "greedy, 20 logprobs": [{**_SURE, "logprobs": 20}],
    "temperature": [_DRAWN],
    "top-k 40": [{**_DRAWN, "top_k": 40}],
    "top-p 0.95": [{**_DRAWN, "top_p": 0.95}],
    "min-p 0.05": [{**_DRAWN, "min_p": 0.05}],
    "top-k, top-p, min-p": [{**_DRAWN, "top_k": 40, "top_p": 0.95, "min_p": 0.05}],
    "a mixture": [
        _SURE,
        _DRAWN,
        {**_DRAWN, "top_k": 40},
        {**_DRAWN, "top_p": 0.95},
        {**_DRAWN, "min_p": 0.05, **_PENALTIES},
        {**_DRAWN, "top_p": 0.9, "logprobs": 5},
        {**_SURE, **_PENALTIES},
        {**_DRAWN, "logit_bias": {7: -100.0}},
    ],
}


class Ready(Decoder):
    """Has its answers ready."""

    def __init__(self, streams: int) -> None:
        self.vocabulary, self.context = VOCABULARY, 8192
        self.block_size, self.blocks = 16, 512 * streams
        self.logits = (np.random.default_rng(0).standard_normal((streams, VOCABULARY)) * 3).astype(np.float32)
        self.seconds = 0.0

    def run(self, rows: TokenRows) -> Array:
        return self.logits[: len(rows.wanted)]

    def copy(self, pairs: Sequence[tuple[int, int]]) -> None:
        raise AssertionError("nothing is to be copied")

    def describe(self) -> Mapping[str, str]:
        return {}


class Letters:
    """A byte a token, through a decoder of UTF-8."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> str:
        return self._decoder.decode(bytes((token % 64 + 32,)))

    def finish(self) -> str:
        return self._decoder.decode(b"", True)


def measure(
    streams: int, kinds: Sequence[Mapping[str, Any]], make: MakeDetokenizer, sampler: Sampler, steps: int = STEPS
) -> Parts:
    """Milliseconds a step, by part: the mean of `steps`."""
    executor = GenerationExecutor(Ready(streams), make, sequences=streams, sampler=sampler)
    policy = Continuous(ContinuousOptions(max_sequences=streams))
    planner = Planner("m", policy, Fifo(Options()), executor.capacity, lambda *_: None, executor.release)
    heard: list[Result] = []
    for number in range(streams):
        request = Request(
            "m", {"tokens": np.arange(100, dtype=np.int32) + number}, parameters=dict(kinds[number % len(kinds)])
        )
        request.parameters["max_tokens"] = 5000
        request.stream = True
        work = Work(request, 1, 400, (), 0.0, None, lambda work, result: heard.append(result))
        executor.accept(work)
        planner.admit(work, 0.0)
    now = time.perf_counter
    options = PrometheusOptions()
    generating = Generating(options.generation_buckets_s, options.token_buckets)
    spent = dict.fromkeys(("plan", "rows", "sampling and answers", "delivery", "metrics"), 0.0)
    counted = 0
    while counted < steps:
        start = now()
        step = planner.next(start)
        planned = now()
        assert isinstance(step, Step)
        results = run_step(executor, step, nullcontext(), now)
        ran = now()
        planner.ended(step, ran, results)
        ended = now()
        for work, result in zip(step.work, results, strict=True):
            if result is not None and (answer := conclude(work, result, ran)) is not None:
                work.sink(work, answer)
        told = now()
        report = step.work[0].report
        assert report is not None
        generating.stepped("m", "1", report, told)
        seen = now()
        if len(executor.rows.order) == streams and len(step.payload.decoding) == streams:
            counted += 1
            spent["plan"] += planned - start + ended - ran
            spent["rows"] += report.prepare
            spent["sampling and answers"] += ran - planned - report.prepare
            spent["delivery"] += told - ended
            spent["metrics"] += seen - told
    assert len(heard) > steps
    executor.close()
    return {part: seconds / steps * 1000 for part, seconds in spent.items()}


def main() -> None:
    """Print a table: the native sampler, what of it each part takes, and the one in NumPy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("streams", nargs="?", type=int, default=32)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--steps", type=int, default=STEPS, help="how many to take the mean of")
    parser.add_argument("--tries", type=int, default=TRIES, help="how many such means to take the best of")
    parser.add_argument("--tokenizer", help="a tokenizer.json whose detokenizer to use, instead of a byte a token")
    asked = parser.parse_args()
    make: MakeDetokenizer = Letters
    if asked.tokenizer:
        make = TextTokenizer(Tokenizer.from_file(asked.tokenizer), VOCABULARY, 8192).detokenizer
    samplers: list[Callable[[], Sampler]] = [lambda: NativeSampler(VOCABULARY, asked.threads), NumpySampler]
    best = f"the best of {asked.tries}"
    print(f"{asked.streams} streams, vocabulary {VOCABULARY}, {asked.threads} threads, ms a step ({best}):")
    for kind, kinds in KINDS.items():
        native, plain = (
            min(
                (measure(asked.streams, kinds, make, one(), asked.steps) for _ in range(asked.tries)),
                key=lambda parts: sum(parts.values()),
            )
            for one in samplers
        )
        whole, slow = sum(native.values()), sum(plain.values())
        parts = ", ".join(f"{part} {ms:.3f}" for part, ms in native.items())
        print(f"{kind:24s} {whole:6.3f}   ({parts})   numpy {slow:6.3f}, ratio {slow / whole:.1f}", flush=True)


if __name__ == "__main__":
    main()
