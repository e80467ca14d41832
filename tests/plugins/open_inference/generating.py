"""Apps with a model that generates: a tiny checkpoint on a real backend, or a decoder that breaks if it is told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jackfield_plugins.generation
import jackfield_plugins.open_inference
import jackfield_plugins.scheduling
from jackfield import create_app
from jackfield.testing.server import registry_for
from jackfield_plugins.generation.executor import GenerationExecutor
from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from tests.plugins.generation import tiny
from tests.plugins.generation.decoders import HashDecoder
from tests.plugins.open_inference.calling import Answer, Caller

PROMPT = "the quick brown fox"


@dataclass(frozen=True)
class Knowing:
    """What this endpoint needs to know of a model that generates."""

    tokenizer: TextTokenizer
    context: int = 4096
    ends: tuple[int, ...] = ()


@asynccontextmanager
async def checkpoint(folder: Path) -> AsyncIterator[Caller]:
    """The tiny Llama in `folder`, which is written if it is not there, as model `m`."""
    if not (folder / "config.json").exists():
        tiny.save("llama-tied", folder)
    source = {"source": str(folder), "backend": {"name": "torch-decoder", "kv_cache_mib": 8}}
    app = create_app({"models": {"m": source}, "endpoints": {"open-inference": {}}, "observers": {}})
    async with app.lifespan():
        yield Caller(app)


@asynccontextmanager
async def breakable(broken: Sequence[int] = (), **model: Any) -> AsyncIterator[Caller]:
    """Model `m` on a decoder that does not survive the tokens in `broken`."""
    decoder = HashDecoder(200, vocabulary=tiny.VOCABULARY)
    decoder.broken.update(broken)
    tokenizer = TextTokenizer(tiny.tokenizer(), tiny.VOCABULARY, 4096)
    executor = GenerationExecutor(decoder, tokenizer.detokenizer)
    executor.about = Knowing(tokenizer)
    plugins = [jackfield_plugins.generation, jackfield_plugins.scheduling, jackfield_plugins.open_inference]
    config = {"models": {"m": {"source": "scripted:m", **model}}, "endpoints": {"open-inference": {}}, "observers": {}}
    app = create_app(config, registry=registry_for(plugins, executor=lambda: executor))
    async with app.lifespan():
        yield Caller(app)


async def generate(caller: Caller, content: Any, stream: bool = False) -> Answer:
    """POST `content` as JSON to the route of model `m`."""
    route = "generate_stream" if stream else "generate"
    return await caller.ask("POST", f"/v2/models/m/{route}", json.dumps(content).encode())


def events(answer: Answer) -> list[Any]:
    """The objects of a stream of events, all of which must be whole."""
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *parts, rest = answer.body.decode().split("\n\n")
    assert rest == ""
    assert all(part.startswith("data: ") and "\n" not in part for part in parts)
    return [json.loads(part.removeprefix("data: ")) for part in parts]
