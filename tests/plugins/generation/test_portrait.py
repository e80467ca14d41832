"""A model seen from another process, and generations that are continued where their replica died."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from jackfield import Request, Response, Server
from jackfield_plugins.generation.answer import Piece
from jackfield_plugins.generation.language import Language
from jackfield_plugins.generation.parameters import Parameters
from jackfield_plugins.generation.portrait import likeness, portrait, resume, settle
from jackfield_plugins.generation.text.chat_template import ChatTemplate
from jackfield_plugins.generation.text.tokenizer import TextTokenizer
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


@pytest.mark.parametrize("parameters", [{"n": 2}, {"sampling": Parameters(n=2)}])
def test_several_choices_are_not_continued(parameters: dict[str, Any]) -> None:
    assert resume(Request("m", {}, parameters=parameters), [_told(5)]) is None


@asynccontextmanager
async def _serving(folder: Path, **model: Any) -> AsyncIterator[Server]:
    tiny.save("llama-tied", folder)
    given = {"source": str(folder), "backend": {"name": "native", "kv_cache_mib": 8}, "placement": {"name": "process"}}
    model["restarts"] = {"delay_s": 0.01, "limit": 99}
    async with Server({"models": {"m": given | model}}) as server:
        yield server


CASES: list[dict[str, Any]] = [
    {"temperature": 0},
    {"temperature": 0.9, "seed": 3, "top_p": 0.9},
    {"temperature": 1.2, "seed": 4, "frequency_penalty": 0.7, "repetition_penalty": 1.3, "logprobs": 2},
    {"temperature": 0, "stop": ["qq", "zzz"], "min_tokens": 30},
    {"temperature": 0.8, "top_k": 40, "seed": 9, "logit_bias": {"7": 3}},
]


@pytest.mark.slow
@in_loop
async def test_streams_go_on_where_their_replica_was_killed(tmp_path: Path) -> None:
    prompts = [np.random.default_rng(n).integers(2, tiny.VOCABULARY, 3 + 11 * n).astype(np.int32) for n in range(10)]
    heard: list[int] = []
    async with _serving(tmp_path / "m", replicas=2) as server:
        version = server.versions[0]

        async def read(number: int) -> tuple[list[int], str, list[Any]]:
            parameters = {"max_tokens": 150, "ignore_eos": True, **CASES[number % len(CASES)]}
            tokens, text, likely = list[int](), "", list[Any]()
            request = Request("m", {"tokens": prompts[number]}, parameters=parameters)
            async with server.stream(request) as stream:
                async for response in stream:
                    heard.append(number)
                    for piece in response.parameters["pieces"]:
                        tokens += piece.tokens
                        text += piece.text
                        likely += piece.likelihoods or []
            return tokens, text, likely

        undisturbed = await asyncio.gather(*(read(number) for number in range(10)))
        reading = [asyncio.ensure_future(read(number)) for number in range(10)]
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
        assert (counts.accepted, counts.completed, counts.outstanding) == (20, 20, 0)
        await until(lambda: server.ready)
