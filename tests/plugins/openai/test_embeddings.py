"""Embeddings without a real model: what is refused, and how many requests become of many inputs."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import orjson
import pytest

import jackfield_plugins.batching
import jackfield_plugins.openai
import jackfield_plugins.scheduling
from jackfield import create_app
from jackfield.testing import registry_for
from jackfield_plugins.encoding.executor import EncoderExecutor
from jackfield_plugins.encoding.packing import Packed
from jackfield_plugins.encoding.text_encoder import TextEncoder
from tests.core.lifecycle.fakes import in_loop
from tests.plugins.openai.calling import Caller
from tests.plugins.openai.made import tokenizer


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Caller, TextEncoder]]:
    """A model whose embedding of a text is its first token and the number of its tokens."""
    about = TextEncoder(tokenizer(50), 50, 2)

    def encode(step: Packed) -> Any:
        starts = np.cumsum(step.lengths) - step.lengths
        return np.stack([step.tokens[starts], step.lengths], axis=1).astype(np.float32)

    plugins = [jackfield_plugins.batching, jackfield_plugins.openai, jackfield_plugins.scheduling]
    made = EncoderExecutor(encode, about, about.tokenizer.vocabulary)
    document = {
        "models": {"m": {"source": "scripted:m", "batching": {"policy": "dynamic", "max_batch_size": 4}}},
        "endpoints": {"openai": {"max_prompts": 20}},
        "observers": {},
    }
    app = create_app(document, registry=registry_for(plugins, executor=lambda: made))
    async with app.lifespan():
        yield Caller(app, None, None), about  # type: ignore[arg-type]


@in_loop
async def test_many_inputs_become_as_few_requests_as_steps_allow() -> None:
    async with served() as (caller, about):
        texts = [f"{'the ' * number}weather" for number in range(10)]
        answer = await caller.ask("POST", "/v1/embeddings", {"model": "m", "input": texts})
        tokens = about.tokens(texts)
        assert answer.status == 200
        assert [row["embedding"] for row in answer.json["data"]] == [[one[0], len(one)] for one in tokens]
        assert [row["index"] for row in answer.json["data"]] == list(range(10))
        total = sum(map(len, tokens))
        assert answer.json["usage"] == {"prompt_tokens": total, "total_tokens": total}
        assert caller.app.server.versions[0].statistics.accepted == 3
        listed = await caller.ask("GET", "/v1/models/m")
        assert listed.json["max_model_len"] == 50


@in_loop
async def test_base64_is_little_endian_floats() -> None:
    async with served() as (caller, _):
        body = {"model": "m", "input": [[7, 8, 9]], "encoding_format": "base64", "dimensions": 2}
        answer = await caller.ask("POST", "/v1/embeddings", body)
        raw = base64.b64decode(answer.json["data"][0]["embedding"])
        assert np.frombuffer(raw, "<f4").tolist() == [7, 3]


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"input": ""}, "input", None),
        ({"input": ["a", ""]}, "input", None),
        ({"input": []}, "input", None),
        ({"input": [10_000]}, "input", None),
        ({"input": [1] * 51}, "input", "context_length_exceeded"),
        ({"input": ["a", "xyz " * 60]}, "input", "context_length_exceeded"),
        ({"input": "x" * 1_000_000}, "input", "context_length_exceeded"),
        ({"input": ["a"] * 21}, "input", None),
        ({"input": "a", "dimensions": 3}, "dimensions", None),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format", None),
        ({"input": "a", "priority": -1}, "priority", None),
    ],
)
@in_loop
async def test_what_is_refused(more: dict[str, Any], param: str, code: str | None) -> None:
    async with served() as (caller, _):
        answer = await caller.ask("POST", "/v1/embeddings", {"model": "m", **more})
        error = answer.json["error"]
        assert (answer.status, error["param"], error["code"]) == (400, param, code), error


@in_loop
async def test_a_model_that_embeds_does_not_generate() -> None:
    async with served() as (caller, _):
        answer = await caller.ask("POST", "/v1/completions", orjson.dumps({"model": "m", "prompt": "x"}))
        assert (answer.status, answer.json["error"]["param"]) == (400, "model")
        assert "it embeds, ask for embeddings" in answer.json["error"]["message"]
