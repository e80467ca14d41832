"""Calling the app as a host would, without sockets, over a decoder that is as quick as can be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

import jackfield_plugins.generation
import jackfield_plugins.openai
import jackfield_plugins.scheduling
from jackfield import App, create_app
from jackfield.testing import registry_for
from jackfield_plugins.generation.executor import GenerationExecutor
from tests.plugins.generation.decoders import HashDecoder
from tests.plugins.openai.made import speaker

_RUNS_BEFORE_ANSWER = 50  # more than it takes to have something to tell, fewer than any answer that is to break


@dataclass(slots=True)
class Answer:
    """What the app answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return orjson.loads(b"".join(self.parts))

    @property
    def events(self) -> list[str]:
        """What a stream told."""
        text = b"".join(self.parts).decode()
        assert text.endswith("\n\n")
        return [one.removeprefix("data: ") for one in text[:-2].split("\n\n")]


@dataclass(frozen=True, slots=True)
class Caller:
    """A client of `app`, whose model `m` runs `decoder`."""

    app: App
    executor: GenerationExecutor
    decoder: HashDecoder

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = b"",
        headers: Mapping[str, str] | None = None,
        *,
        breaks: int = 0,
        gone: asyncio.Event | None = None,
    ) -> Answer:
        """One request. `breaks`: no run survives tokens below it once the answer has begun; 0 for none. `gone`: when
        the client goes."""
        parts = [body if isinstance(body, bytes) else orjson.dumps(body)]
        begun = threading.Event()
        if breaks:  # or the decoder might be done before anything is sent
            self.decoder.held = (self.decoder.runs + _RUNS_BEFORE_ANSWER, begun)
        answer = Answer()

        async def receive() -> dict[str, Any]:
            if parts:
                return {"type": "http.request", "body": parts.pop(), "more_body": False}
            await (asyncio.sleep(3600) if gone is None else gone.wait())
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            elif message["body"]:
                answer.parts.append(message["body"])
                if breaks:
                    self.decoder.broken.update(range(breaks))
                    begun.set()

        given = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        scope = {"type": "http", "http_version": "1.1", "method": method, "path": path, "headers": given}
        await self.app(scope, receive, send)
        return answer


@asynccontextmanager
async def served(wait: bool = True, **options: Any) -> AsyncIterator[Caller]:
    """The app, started, with these options of the endpoint."""
    language = speaker().language
    decoder = HashDecoder(2000, vocabulary=language.tokenizer.vocabulary, context=1000)
    executor = GenerationExecutor(
        decoder, language.tokenizer.detokenizer, language.ends, 16, defaults=language.defaults, close=language.close
    )
    executor.about = language
    plugins = [jackfield_plugins.generation, jackfield_plugins.openai, jackfield_plugins.scheduling]
    document = {
        "models": {"m": {"source": "scripted:m"}},
        "endpoints": {"openai": options},
        "observers": {},
    }
    app = create_app(document, registry=registry_for(plugins, executor=lambda: executor), wait=wait)
    async with app.lifespan():
        yield Caller(app, executor, decoder)
