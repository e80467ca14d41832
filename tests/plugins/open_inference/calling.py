"""Calling the app as a host would, without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from jackfield import App, create_app
from tests.plugins.open_inference.stub import registry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app answered; status 0 if it did not."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return orjson.loads(self.body)

    @property
    def error(self) -> str:
        """The text of an error."""
        text: str = self.json["error"]
        return text


@dataclass(frozen=True, slots=True)
class Caller:
    """A client of `app`."""

    app: App

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        chunks: Sequence[bytes] | None = None,
        gone_after: float | None = None,
    ) -> Answer:
        """One request; its body comes in `chunks` if there are any, and its client goes after so many seconds."""
        parts = list(chunks if chunks is not None else [body])
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if parts:
                return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}
            await asyncio.sleep(3600 if gone_after is None else gone_after)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()],
        }
        await self.app(scope, receive, send)
        if not sent:
            return Answer(0, {}, b"")
        start, *rest = sent
        given = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], given, b"".join(message.get("body", b"") for message in rest))

    async def get(self, path: str) -> Answer:
        """GET `path`."""
        return await self.ask("GET", path)

    async def infer(self, model: str, content: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """POST `content` as JSON to a model's infer route."""
        return await self.ask("POST", f"/v2/models/{model}/infer", orjson.dumps(content), headers)

    async def infer_binary(self, model: str, content: Any, *tensors: bytes, **headers: str) -> Answer:
        """POST `content` as JSON with binary data after it."""
        text = orjson.dumps(content)
        given = {"Inference-Header-Content-Length": str(len(text)), **headers}
        return await self.ask("POST", f"/v2/models/{model}/infer", text + b"".join(tensors), given)


@asynccontextmanager
async def served(*models: str, wait: bool = True, **config: Any) -> AsyncIterator[Caller]:
    """The app with these stub models, started; `config` has further sections, and settings `MODEL__settings`."""
    settings = {name: config.pop(f"{name}__settings", {}) for name in models}
    document = {
        "models": {name: {"source": f"stub:{name}", **settings[name]} for name in models},
        "endpoints": {"open-inference": {}},
        "observers": {},
        **config,
    }
    app = create_app(document, registry=registry(), wait=wait)
    async with app.lifespan():
        yield Caller(app)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine."""
    return asyncio.run(asyncio.wait_for(coroutine, 60))


def tensor(name: str, datatype: str, shape: Sequence[int], data: Any) -> dict[str, Any]:
    """An input in JSON."""
    return {"name": name, "datatype": datatype, "shape": list(shape), "data": data}
