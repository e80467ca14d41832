"""A request's tokens are the same alone and in company, in chunks, from the cache, after preemption, as one of four,
and beside neighbours that go: with a decoder that has attention over a paged cache."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jackfield_plugins.generation.decoder import TokenRows
from tests.plugins.generation.decoders import NumpyDecoder
from tests.plugins.generation.engine import Engine

DRAW = np.random.default_rng(7)
PROMPTS = [DRAW.integers(0, 61, size).tolist() for size in (1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 30)]
SAMPLED: dict[str, Any] = {"temperature": 0.9, "top_p": 0.95, "repetition_penalty": 1.1}
LENGTH = 14


def _greedy(decoder: NumpyDecoder, prompt: list[int], count: int) -> list[int]:
    """What a decoder says token by token, with nothing of the engine in between."""
    tables = np.arange(decoder.blocks, dtype=np.int32)[None]
    tokens = list(prompt)
    for end in range(1, len(prompt) + count):
        position = end - 1
        one = np.array([tokens[position]], np.int32)
        rows = TokenRows(one, np.array([position], np.int32), np.zeros(1, np.int32), tables, np.zeros(1, np.int32))
        logits = decoder.run(rows)
        if end >= len(prompt):
            tokens.append(int(logits[0].argmax()))
    return tokens[len(prompt) :]


@pytest.fixture(scope="module")
def alone() -> list[list[int]]:
    """What is right."""
    return [_greedy(NumpyDecoder(), prompt, LENGTH) for prompt in PROMPTS]


@pytest.fixture(scope="module")
def sampled() -> list[list[int]]:
    """The same with a seed, each alone on an engine of its own."""
    return [
        Engine(NumpyDecoder()).run(prompt, max_tokens=LENGTH, seed=number, **SAMPLED)
        for number, prompt in enumerate(PROMPTS)
    ]


def test_alone(alone: list[list[int]]) -> None:
    for prompt, expected in zip(PROMPTS, alone, strict=True):
        assert Engine(NumpyDecoder()).run(prompt, max_tokens=LENGTH) == expected


@pytest.mark.parametrize("blocks", [200, 13])
@pytest.mark.parametrize("chunk", [1, 3, 512])
def test_together_in_chunks_and_preempted(
    chunk: int, blocks: int, alone: list[list[int]], sampled: list[list[int]]
) -> None:
    engine = Engine(
        NumpyDecoder(blocks), policy={"max_prefill_tokens": chunk, "min_prefill_tokens": min(chunk, 16), "reserve": 0}
    )
    greedy = [engine.submit(prompt, max_tokens=LENGTH) for prompt in PROMPTS]
    engine.simulation.advance(0.05)
    drawn = [engine.submit(prompt, max_tokens=LENGTH, seed=number, **SAMPLED) for number, prompt in enumerate(PROMPTS)]
    engine.drain()
    assert [engine.tokens(work) for work in greedy] == alone
    assert [engine.tokens(work) for work in drawn] == sampled
    assert (engine.policy.state()["preemptions"] > 0) == (blocks == 13)


def test_from_the_cache(alone: list[list[int]]) -> None:
    engine = Engine(NumpyDecoder(200))
    for _ in range(2):
        assert [engine.run(prompt, max_tokens=LENGTH) for prompt in PROMPTS] == alone
    assert engine.executor.pool.hits > sum((len(prompt) - 1) // 4 for prompt in PROMPTS) / 2


def test_as_one_of_four(alone: list[list[int]]) -> None:
    for blocks, preempted in ((200, False), (36, True)):
        engine = Engine(NumpyDecoder(blocks), policy={"reserve": 0})
        works = [engine.submit(prompt, max_tokens=LENGTH, n=4) for prompt in PROMPTS[:8]]
        engine.drain()
        for work, expected in zip(works, alone, strict=False):
            assert [engine.tokens(work, index) for index in range(4)] == [expected] * 4
        assert (engine.policy.state()["preemptions"] > 0) == preempted
        assert engine.decoder.copies > 0  # type: ignore[attr-defined]


def test_four_that_are_drawn_differ_and_come_again() -> None:
    answers = []
    for blocks in (200, 40):
        engine = Engine(NumpyDecoder(blocks), policy={"reserve": 0})
        works = [engine.submit(prompt, max_tokens=LENGTH, n=4, seed=5, temperature=1.5) for prompt in PROMPTS[5:9]]
        engine.drain()
        answers.append([[engine.tokens(work, index) for index in range(4)] for work in works])
    assert answers[0] == answers[1]
    assert all(len({tuple(one) for one in four}) == 4 for four in answers[0])


def test_beside_neighbours_that_go(alone: list[list[int]]) -> None:
    engine = Engine(NumpyDecoder(48), policy={"reserve": 0})
    stay, go = [], []
    for number, prompt in enumerate(PROMPTS):
        stay.append(engine.submit(prompt, max_tokens=LENGTH))
        go.append(engine.submit(PROMPTS[-1 - number], max_tokens=30, n=1 + number % 3, temperature=1.0))
        engine.simulation.advance(0.012)
        if number % 2:
            engine.simulation.cancel(go[number // 2])
    for work in go:
        engine.simulation.cancel(work)
    engine.drain()
    assert [engine.tokens(work) for work in stay] == alone


def test_beside_neighbours_that_break_the_decoder(alone: list[list[int]]) -> None:
    decoder = NumpyDecoder(vocabulary=62)
    decoder.embedding[:61], decoder.head[:61] = NumpyDecoder().embedding, NumpyDecoder().head
    decoder.layers = NumpyDecoder().layers
    decoder.head[61] = 0
    decoder.broken = {61}
    engine = Engine(decoder)
    works = [engine.submit(prompt, max_tokens=LENGTH) for prompt in PROMPTS[:6]]
    engine.simulation.advance(0.05)
    bad = [engine.submit([1, 2, 61]), engine.submit([61] * 9)]
    more = [engine.submit(prompt, max_tokens=LENGTH) for prompt in PROMPTS[6:]]
    engine.drain()
    assert [engine.tokens(work) for work in works + more] == alone
    assert all("the decoder broke" in str(engine.heard[work][0]) for work in bad)


def test_an_answer_is_continued_elsewhere(alone: list[list[int]], sampled: list[list[int]]) -> None:
    for number, prompt in enumerate(PROMPTS):
        for told in (1, 5, LENGTH - 1):
            rest = Engine(NumpyDecoder()).run(prompt, max_tokens=LENGTH, given=alone[number][:told])
            assert rest == alone[number][told:]
            drawn = sampled[number]
            rest = Engine(NumpyDecoder()).run(prompt, max_tokens=LENGTH, seed=number, given=drawn[:told], **SAMPLED)
            assert rest == drawn[told:]


def test_likelihoods_do_not_depend_on_chunks_or_preemption() -> None:
    def likelihoods(**policy: int) -> object:
        engine = Engine(NumpyDecoder(24), policy={"reserve": 0, **policy})
        works = [engine.submit(p, max_tokens=LENGTH, logprobs=3, echo=True) for p in PROMPTS]
        engine.drain()
        return [
            (engine.heard[work][0].parameters["prompt_likelihoods"], engine.pieces(work)[0].likelihoods)  # type: ignore[union-attr]
            for work in works
        ]

    assert likelihoods() == likelihoods(max_prefill_tokens=2, min_prefill_tokens=1)
