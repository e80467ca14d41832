"""A model seen from another process, and generations that are continued where their replica died."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from prometheus_client.exposition import generate_latest

from jackfield import Request, Response, Server
from jackfield.testing import make_work
from jackfield_plugins.generation.answer import Piece, Usage
from jackfield_plugins.generation.language import Language
from jackfield_plugins.generation.parameters import Begun, Parameters
from jackfield_plugins.generation.portrait import likeness, portrait, resume, seen, settle
from jackfield_plugins.generation.text.chat_template import ChatTemplate
from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from jackfield_plugins.generation.told import StepTokens
from tests.core.lifecycle.fakes import in_loop, until
from tests.plugins.generation import tiny

TEMPLATE = "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}"


def _language() -> Language:
    tokenizer = TextTokenizer(tiny.tokenizer(), tiny.VOCABULARY, 512)
    template = ChatTemplate("tiny", {"default": TEMPLATE}, {"eos_token": "</s>"})
    return Language(tokenizer, template, 256, (1,), Parameters(temperature=0.5, top_k=3))


def test_what_is_seen_is_what_is_there() -> None:
    language = _language()
    where, data = portrait(language)
    assert where == "jackfield_plugins.generation.portrait:likeness"
    seen = likeness(msgspec.msgpack.decode(msgspec.msgpack.encode(data)))
    about = seen.about
    try:
        assert (about.context, about.ends, about.defaults) == (256, (1,), language.defaults)
        assert about.tokenizer.encode(tiny.TEXT) == language.tokenizer.encode(tiny.TEXT)
        messages = [{"role": "user", "content": "hello"}]
        assert about.template.render(messages) == "<s>user: hello</s>" == language.template.render(messages)
    finally:
        assert seen.close is not None
        seen.close()
        language.close()


def test_a_request_without_a_seed_gets_one() -> None:
    by_name, whole, own = (Request("m", {}, parameters=p) for p in ({}, {"sampling": Parameters()}, {"seed": 7}))
    for request in (by_name, whole, own):
        settle(request)
    assert by_name.parameters["seed"] >= 0
    assert whole.parameters["sampling"].seed >= 0
    assert own.parameters == {"seed": 7}


def _told(*tokens: int, **more: Any) -> Response:
    return Response({}, {"pieces": [Piece(0, "x", list(tokens))], **more}, final=False)


def test_what_was_told_is_not_generated_again() -> None:
    request = Request("m", {}, parameters={"max_tokens": 9, "seed": 1, "echo": True})
    rest = resume(request, [_told(5), _told(6, 7, prompt_likelihoods=[None])])
    assert rest is not None
    assert rest.parameters == {"max_tokens": 9, "seed": 1, "echo": False, "given": (5, 6, 7)}
    again = resume(rest, [_told(8)])
    assert again is not None
    assert again.parameters["given"] == (5, 6, 7, 8)
    assert "given" not in request.parameters
    whole = resume(Request("m", {}, parameters={"sampling": Parameters(echo=True)}), [_told(5)])
    assert whole is not None
    assert whole.parameters["sampling"] == Parameters(echo=True, given=(5,))


@pytest.mark.parametrize("whole", [False, True])
def test_of_several_choices_each_is_known(whole: bool) -> None:
    given: dict[str, Any] = {"sampling": Parameters(n=3, seed=1)} if whole else {"n": 3, "seed": 1}
    pieces = [Piece(0, "x", [5]), Piece(2, "y", [6], finish="stop"), Piece(0, "z", [7, 8])]
    told = [Response({}, {"pieces": [piece]}, final=False) for piece in pieces]
    rest = resume(Request("m", {}, parameters=given), told)
    assert rest is not None
    begun = rest.parameters["sampling"].begun if whole else rest.parameters["begun"]
    assert begun == (Begun((5, 7, 8)), Begun(()), Begun((6,), "stop"))
    again = resume(rest, [_told(9)])
    assert again is not None
    begun = again.parameters["sampling"].begun if whole else again.parameters["begun"]
    assert begun == (Begun((5, 7, 8, 9)), Begun(()), Begun((6,), "stop"))


def test_what_a_step_tells_arrives_where_observers_are() -> None:
    works = {number: make_work() for number in range(3)}
    numbers = {work: number for number, work in works.items()}
    for work in works.values():
        work.request.inputs["tokens"] = np.zeros(7, np.int32)
        work.extra = SimpleNamespace(finishes=[])
    works[2].extra.finishes = ["stop"]
    for told in (None, [1, 0, 3]):
        sent = StepTokens(4, 2, list(works.values()), told).sent(lambda work: numbers[work])
        there = {number: make_work(id=str(number)) for number in (0, 2)}
        for work in there.values():
            work.request.inputs["tokens"] = np.zeros(7, np.int32)
        found = seen(msgspec.msgpack.decode(msgspec.msgpack.encode(sent)), there.get)
        assert found == StepTokens(4, 2, list(there.values()), told and [1, 3])
        assert [(work.extra.prompt, work.extra.finishes) for work in there.values()] == [(7, []), (7, ["stop"])]


async def _counted(folder: Path, placement: str) -> dict[str, float]:
    """Counters of text generation after the same requests, one after another."""
    async with _serving(folder, placement=placement) as server:
        version = server.versions[0]
        for number in range(6):
            prompt = np.arange(2, 40 + number, dtype=np.int32)
            asked = {"max_tokens": 5 + number, "n": 1 + number % 2, "seed": 1, "ignore_eos": number < 4}
            async with server.stream(Request("m", {"tokens": prompt}, parameters=asked)) as stream:
                async for _ in stream:
                    pass
        await until(lambda: version.executor_states and version.executor_states["m/1/0"]["prefix_lookups"] == 12)
        await until(lambda: version.executor_states["m/1/0"]["blocks_held"] == 0)
        observer: Any = server.observers.all["prometheus"]
        assert observer.generating.lives == 0
        lines = [line.rpartition(" ") for line in generate_latest(observer.registry).decode().splitlines()]
    ends = ("generations_total", "tokens_total", "_token_seconds_count", "_tokens_seconds_count", "step_tokens_sum")
    return {name: float(value) for name, _, value in lines if name[0] != "#" and name.partition("{")[0].endswith(ends)}


@pytest.mark.slow
def test_metrics_are_the_same_wherever_a_model_runs(tmp_path: Path) -> None:
    here, there = (asyncio.run(_counted(tmp_path / "m", placement)) for placement in ("thread", "process"))
    assert here == there
    of = 'model="m",replica="m/1/0",version="1"'
    assert here[f"jackfield_first_token_seconds_count{{{of}}}"] == 6
    assert here[f"jackfield_between_tokens_seconds_count{{{of}}}"] > 20
    assert here[f"jackfield_prefix_cache_hit_tokens_total{{{of}}}"] > 0
    ends = [value for name, value in here.items() if name.startswith("jackfield_generations_total")]
    assert sum(ends) == 9


@asynccontextmanager
async def _serving(folder: Path, **model: Any) -> AsyncIterator[Server]:
    tiny.save("llama-tied", folder)
    given = {"source": str(folder), "backend": {"name": "native", "kv_cache_mib": 8}, "placement": {"name": "process"}}
    model["restarts"] = {"delay_s": 0.01, "limit": 99}
    async with Server({"models": {"m": given | model}, "observers": {"prometheus": None}}) as server:
        yield server


CASES: list[dict[str, Any]] = [
    {"temperature": 0},
    {"temperature": 0.9, "seed": 3, "top_p": 0.9},
    {"temperature": 1.2, "seed": 4, "frequency_penalty": 0.7, "repetition_penalty": 1.3, "logprobs": 2},
    {"temperature": 0, "stop": ["qq", "zzz"], "min_tokens": 30},
    {"temperature": 0.8, "top_k": 40, "seed": 9, "logit_bias": {"7": 3}},
    {"temperature": 0.9, "seed": 6, "n": 3, "presence_penalty": 0.5, "stop": ["q", "zz"], "ignore_eos": False},
]


@pytest.mark.slow
@in_loop
async def test_streams_go_on_where_their_replica_was_killed(tmp_path: Path) -> None:
    prompts = [np.random.default_rng(n).integers(2, tiny.VOCABULARY, 3 + 11 * n).astype(np.int32) for n in range(12)]
    heard: list[int] = []
    async with _serving(tmp_path / "m", replicas=2) as server:
        version = server.versions[0]

        async def read(number: int) -> tuple[dict[int, Any], Usage]:
            parameters = {"max_tokens": 150, "ignore_eos": True, **CASES[number % len(CASES)]}
            choices: dict[int, Any] = {}
            request = Request("m", {"tokens": prompts[number]}, parameters=parameters)
            async with server.stream(request) as stream:
                async for response in stream:
                    heard.append(number)
                    for piece in response.parameters["pieces"]:
                        tokens, texts, likely, ends = choices.setdefault(piece.index, ([], [], [], []))
                        tokens += piece.tokens
                        texts.append(piece.text)
                        likely += piece.likelihoods or []
                        ends += [piece.finish] if piece.finish else []
            told = {index: (tokens, "".join(texts), *rest) for index, (tokens, texts, *rest) in choices.items()}
            usage: Usage = response.parameters["usage"]
            return told, msgspec.structs.replace(usage, cached=0)

        undisturbed = await asyncio.gather(*(read(number) for number in range(12)))
        reading = [asyncio.ensure_future(read(number)) for number in range(12)]
        kills = 0
        for replica in 2 * list(version.replicas):
            await until(lambda: server.ready and len([one for one in version.replicas if one.alive]) == 2)
            if all(task.done() for task in reading):
                break
            enough = len(heard) + 60

            def further(enough: int = enough) -> bool:
                return len(heard) >= enough or all(task.done() for task in reading)

            await until(further)
            alive: Any = version.replicas[int(replica.name[-1])]
            os.kill(alive._engine._child.pid, signal.SIGKILL)
            kills += 1
        assert await asyncio.gather(*reading) == undisturbed
        assert kills > 1
        counts = version.statistics
        assert (counts.accepted, counts.completed, counts.outstanding) == (24, 24, 0)
        await until(lambda: server.ready)
