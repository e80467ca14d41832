"""The executor of generation: what is refused, how an answer ends, and what is told of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jackfield import Work
from jackfield.errors import ExecutionFailed, InvalidRequest
from jackfield.work import Response
from jackfield_plugins.generation.answer import Piece, Usage
from jackfield_plugins.generation.blocks import answer_within, blocks_of_choices
from jackfield_plugins.generation.parameters import Parameters
from tests.plugins.generation.decoders import HashDecoder, NumpyDecoder
from tests.plugins.generation.engine import Engine

PROMPT = [5, 9, 2, 40, 7]


class Letters:
    """Each token is a letter, but for those below 5, of which two make one."""

    def __init__(self) -> None:
        self.half: int | None = None

    def add(self, token: int) -> str:
        if token >= 5:
            return chr(60 + token)
        if self.half is None:
            self.half = token
            return ""
        self.half = None
        return "é"

    def finish(self) -> str:
        return "" if self.half is None else "\ufffd"


def _engine(**more: Any) -> Engine:
    return Engine(HashDecoder(64), detokenizer=Letters, **more)


def _text(tokens: list[int]) -> str:
    letters = Letters()
    return "".join([*(letters.add(token) for token in tokens), letters.finish()])


@pytest.fixture(scope="module")
def usual() -> list[int]:
    """What is said if nothing ends it."""
    return _engine().run(PROMPT, max_tokens=40)


def _submitted(engine: Engine, prompt: list[int], n: int, most: int | None, **more: Any) -> Work:
    return engine.submit(prompt, n=n, max_tokens=most, temperature=1.0, seed=3, **more)


def _choices(engine: Engine, prompt: list[int], n: int, most: int | None) -> list[Piece]:
    work = _submitted(engine, prompt, n, most)
    engine.drain()
    return sorted(engine.pieces(work), key=lambda piece: piece.index)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"prompt": []}, "the prompt for model 'm' must have at least one token, got none"),
    ({"prompt": [97]}, "the prompt for model 'm' must hold tokens from 0 to 96, got 97"),
    ({"prompt": [3, -1]}, "the prompt for model 'm' must hold tokens from 0 to 96, got -1"),
    (
        {"prompt": np.zeros(100_000, np.int32)},
        "the prompt for model 'm' has 100000 tokens, and must leave room for an answer in a context of 4096",
    ),
    (
        {"max_tokens": 4092},
        "5 tokens of prompt and 4092 of answer are more than the context of 4096 of model 'm'",
    ),
    ({"max_tokens": 2000}, "126 KV-cache blocks are needed at most, and model 'm' has 64"),
    ({"max_tokens": 1000, "n": 2}, "126 KV-cache blocks are needed at most, and model 'm' has 64"),
    ({"n": 9}, "parameter 'n' must be at most 8 for 'm', got 9"),
    ({"temperature": -1}, "parameter 'temperature' must be at least 0 and at most 100, got -1"),
    ({"sampling": Parameters(top_p=7.0)}, "parameter 'top_p' must be more than 0 and at most 1, got 7"),
]


@pytest.mark.parametrize(("asked", "sentence"), REFUSED)
def test_what_cannot_run_is_refused_at_once(asked: dict[str, Any], sentence: str) -> None:
    engine = _engine(sequences=8)
    with pytest.raises(InvalidRequest) as refused:
        engine.submit(asked.pop("prompt", PROMPT), **asked)
    assert str(refused.value) == sentence
    assert engine.decoder.runs == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("prompt", [1, 15, 16, 17, 32, 40])
@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("asked", [1, 2, 16, 17, 50, None])
def test_the_most_that_is_taken_fits(prompt: int, n: int, asked: int | None) -> None:
    """A pool of just what it needs is enough until the end; one block fewer, and it is refused, or shorter."""
    tokens = [token % 97 for token in range(7, prompt + 7)]
    most = asked or 60
    blocks = blocks_of_choices(prompt, most, n, 16)
    expected = [one.tokens for one in _choices(Engine(HashDecoder(400)), tokens, n, most)]
    assert [len(one) for one in expected] == [most] * n
    told = _choices(Engine(HashDecoder(blocks)), tokens, n, asked)
    assert [one.tokens[:most] for one in told] == expected
    longest = len(told[0].tokens)
    assert longest == (asked or answer_within(blocks, prompt, n, 16))
    assert blocks_of_choices(prompt, longest, n, 16) <= blocks < blocks_of_choices(prompt, longest + 1, n, 16) or asked
    if blocks > 1:
        with pytest.raises(InvalidRequest, match=f"{blocks} KV-cache blocks are needed at most, and model 'm' has"):
            _choices(Engine(HashDecoder(blocks - 1)), tokens, n, most)


@pytest.mark.parametrize("prefixes", [True, False])
def test_choices_share_the_prompt_again_after_preemption(prefixes: bool) -> None:
    """They come back into a pool that has no room for one prompt each."""
    prompt, n, most = [token % 97 for token in range(70)], 4, 40
    blocks = blocks_of_choices(len(prompt), most, n, 16)
    assert blocks < n * 5
    expected = [one.tokens for one in _choices(Engine(HashDecoder(400)), prompt, n, most)]
    engine = Engine(HashDecoder(blocks), prefixes=prefixes)
    work = _submitted(engine, prompt, n, most, priority=9)
    engine.simulation.advance(0.3)
    assert work.extra.forked
    other = engine.submit([3] * 20, max_tokens=200, priority=1)
    engine.drain()
    assert len(engine.tokens(other)) == 200
    assert work.extra.preemptions > 0
    assert [one.tokens for one in sorted(engine.pieces(work), key=lambda piece: piece.index)] == expected


def test_a_long_answer_is_not_paid_for_in_advance() -> None:
    engine = Engine(HashDecoder(300, context=4096))
    work = engine.submit(PROMPT)
    assert work.extra.sequences[0].room > 4000
    assert len(work.extra.sequences[0].tokens) < 300
    engine.drain()
    assert len(engine.tokens(work)) == 4091


def test_an_answer_has_tokens_text_and_usage(usual: list[int]) -> None:
    engine = _engine()
    work = engine.submit(PROMPT, max_tokens=40)
    engine.drain()
    (response,) = engine.heard[work]
    assert isinstance(response, Response)
    assert response.outputs["tokens"].tolist() == usual
    assert response.outputs["text"][0].decode() == _text(usual)
    assert response.parameters["usage"] == Usage(5, 40, 0)
    (piece,) = response.parameters["pieces"]
    assert (piece.tokens, piece.text, piece.finish, piece.stop) == (usual, _text(usual), "length", None)


def test_a_stream_tells_text_as_it_becomes_whole(usual: list[int]) -> None:
    engine = _engine()
    work = engine.submit(PROMPT, max_tokens=40, stream=True)
    engine.drain()
    results = engine.heard[work]
    assert [isinstance(one, Response) and one.final for one in results] == [False] * (len(results) - 1) + [True]
    assert engine.tokens(work) == usual
    assert engine.text(work) == _text(usual)
    pieces = engine.pieces(work)
    assert all(piece.text for piece in pieces[:-1])
    assert any(len(piece.tokens) > 1 for piece in pieces), "no token came without text"
    assert sum(len(piece.tokens) for piece in pieces) == 40
    assert isinstance(results[-1], Response)
    assert results[-1].parameters["usage"] == Usage(5, 40, 0)


def test_it_ends_with_a_token_that_ends_it(usual: list[int]) -> None:
    end = usual[6]
    first = usual.index(end)
    for given, executor, stop in (
        ({}, {"ends": [end]}, None),
        ({"stop_token_ids": [end]}, {}, end),
        ({"stop_token_ids": [end], "ignore_eos": True}, {"ends": [end]}, end),
    ):
        engine = _engine(**executor)
        work = engine.submit(PROMPT, max_tokens=40, **given)
        engine.drain()
        (piece,) = engine.pieces(work)
        assert (piece.tokens, piece.finish, piece.stop) == (usual[: first + 1], "stop", stop)
        assert piece.text == _text(usual[:first])
    assert _engine(ends=[end]).run(PROMPT, max_tokens=40, ignore_eos=True) == usual


def test_an_end_waits_until_enough_was_said(usual: list[int]) -> None:
    engine = _engine(ends=[usual[1]])
    said = engine.run(PROMPT, max_tokens=40, min_tokens=9)
    assert said[0] == usual[0]
    assert usual[1] not in said[:9]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("include", [False, True])
def test_it_ends_before_a_text_that_lies_across_tokens(usual: list[int], stream: bool, include: bool) -> None:
    text = _text(usual)
    stop = text[9:12]
    place = text.index(stop)
    engine = _engine()
    work = engine.submit(PROMPT, max_tokens=40, stop=["never", stop], stream=stream, include_stop=include)
    engine.drain()
    assert engine.text(work) == text[: place + (3 if include else 0)]
    last = engine.pieces(work)[-1]
    assert (last.finish, last.stop) == ("stop", stop)
    assert engine.tokens(work) == usual[: len(engine.tokens(work))]


def test_choices_are_told_apart_and_end_by_themselves() -> None:
    engine = _engine(ends=[3, 8, 20, 33])
    work = engine.submit(PROMPT, max_tokens=30, n=6, temperature=1.5, seed=1, stream=True)
    whole = engine.submit(PROMPT, max_tokens=30, n=6, temperature=1.5, seed=1)
    engine.drain()
    lengths = [len(engine.tokens(work, index)) for index in range(6)]
    assert len(set(lengths)) > 1
    (response,) = engine.heard[whole]
    assert isinstance(response, Response)
    pieces = response.parameters["pieces"]
    assert [piece.index for piece in pieces] == list(range(6))
    assert [piece.tokens for piece in pieces] == [engine.tokens(work, index) for index in range(6)]
    assert response.parameters["usage"].completion == sum(lengths)
    assert response.outputs["tokens"].tolist() == pieces[0].tokens


def test_likelihoods_of_prompt_and_answer() -> None:
    engine = Engine(NumpyDecoder(64))
    engine.run([1, 2, 3, 4, 5, 6, 7, 8, 9])  # so that the cache knows the prompt
    work = engine.submit([1, 2, 3, 4, 5, 6, 7, 8, 9], max_tokens=3, logprobs=2, echo=True)
    only = engine.submit([1, 2, 3, 4, 5, 6, 7, 8, 9], max_tokens=0, logprobs=2, echo=True)
    plain = engine.submit([1, 2, 3, 4, 5, 6, 7, 8, 9], max_tokens=3, logprobs=2)
    engine.drain()
    (response,), (bare,) = engine.heard[work], engine.heard[only]
    assert isinstance(response, Response)
    assert isinstance(bare, Response)
    prompt = response.parameters["prompt_likelihoods"]
    assert prompt == bare.parameters["prompt_likelihoods"]
    assert prompt[0] is None
    assert [one.token for one in prompt[1:]] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert bare.parameters["pieces"][0].tokens == []
    assert bare.parameters["pieces"][0].finish == "length"
    assert bare.parameters["usage"] == Usage(9, 0, 0)
    likelihoods = response.parameters["pieces"][0].likelihoods
    assert likelihoods == engine.pieces(plain)[0].likelihoods
    for one, token in zip(likelihoods, engine.tokens(work), strict=True):
        assert (one.token, one.top[0][0], len(one.top)) == (token, token, 2)
        assert one.logprob == one.top[0][1] <= 0


def test_a_prompt_of_many_tokens_is_asked_about_in_parts() -> None:
    decoder = HashDecoder(64)
    engine = Engine(decoder)
    prompt = [n % 97 for n in range(200)]
    work = engine.submit(prompt, max_tokens=1, logprobs=0, echo=True)
    engine.drain()
    (response,) = engine.heard[work]
    assert isinstance(response, Response)
    assert len(response.parameters["prompt_likelihoods"]) == 200
    assert decoder.runs >= 200 // 32


def test_tenants_do_not_share_the_cache_nor_does_a_salt() -> None:
    engine = Engine(HashDecoder(64))
    prompt = [n % 97 for n in range(50)]

    def cached(**more: Any) -> int:
        work = engine.submit(prompt, max_tokens=1, **more)
        engine.drain()
        (response,) = engine.heard[work]
        assert isinstance(response, Response)
        return int(response.parameters["usage"].cached)

    assert [cached(tenant="a"), cached(tenant="a"), cached(tenant="b")] == [0, 48, 0]
    assert [cached(tenant="a", cache_salt="x"), cached(tenant="a", cache_salt="x")] == [0, 48]
    assert cached(tenant="a") == 48


def test_without_prefixes_nothing_is_kept() -> None:
    engine = Engine(HashDecoder(64), prefixes=False)
    for _ in range(2):
        engine.run([n % 97 for n in range(50)], max_tokens=1)
    assert (engine.executor.pool.hits, engine.executor.pool.cached) == (0, 0)


def test_what_is_not_looked_for_is_no_lookup() -> None:
    """A prompt that is asked about is computed whole, whatever the cache knows of it: that missed nothing."""
    engine = Engine(HashDecoder(64))
    prompt = [n % 97 for n in range(50)]
    counted: list[tuple[float, float]] = []
    for more in ({}, {"echo": True, "logprobs": 2}, {"echo": True}, {"logprobs": 2}):
        engine.run(prompt, max_tokens=1, **more)
        state = engine.executor.state()
        counted.append((state["prefix_lookups"], state["prefix_hits"]))
    assert counted == [(3, 0), (3, 0), (6, 3), (9, 6)]


def test_logits_that_are_no_numbers_fail_one_request() -> None:
    class Broken(HashDecoder):
        def compute(self, rows: Any) -> Any:
            logits = super().compute(rows)
            logits[np.isin(rows.tokens[rows.wanted], [66])] = np.nan
            return logits

    engine = Engine(Broken(64))
    good, bad = engine.submit(PROMPT, max_tokens=9), engine.submit([66], max_tokens=9)
    engine.drain()
    assert len(engine.tokens(good)) == 9
    (error,) = engine.heard[bad]
    assert isinstance(error, ExecutionFailed)


def test_a_client_that_leaves_frees_its_blocks_within_one_step() -> None:
    engine = _engine()
    work = engine.submit(list(range(90)), max_tokens=300, n=2)
    engine.submit(PROMPT, max_tokens=500)
    engine.simulation.advance(0.5005)  # in the middle of a step, each of which takes 0.01
    assert engine.executor.state()["blocks_held"] > 8
    steps = len(engine.simulation.steps)
    assert work in engine.simulation.steps[-1].work
    engine.simulation.cancel(work)
    engine.simulation.advance(0.01)
    assert len(engine.simulation.steps) == steps + 1
    assert work not in engine.simulation.steps[-1].work
    assert engine.executor.state()["blocks_held"] <= 4
    assert all(sequence.line < 0 for sequence in work.extra.sequences)


def test_closing_gives_back_the_decoder() -> None:
    engine = _engine()
    engine.executor.close()
    assert engine.decoder.closed == 1  # type: ignore[attr-defined]
