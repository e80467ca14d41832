"""What a front does not know is asked elsewhere, with all that was read of the request; the rest it answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, cast

import pytest

from jackfield import Endpoint, Route
from jackfield.asgi import App
from jackfield.clock import MonotonicClock
from jackfield.config import load
from jackfield.fronts.relaying import Relaying
from jackfield.fronts.routing import FrontApp
from jackfield.fronts.standin import FrontServer
from jackfield.interfaces.endpoint import Answer, Message, Receive, Scope, Send
from jackfield.server import Server
from jackfield.testing.server import registry_for
from jackfield.transport import Link
from jackfield.web import Withdraw, read_body, send_json


class Asks(Endpoint):
    """Reads the body, and then asks for what it names."""

    fronts = True

    def routes(self) -> Sequence[Route]:
        return [Route("/asks", self._answer, self._shortcut)]

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(scope, receive, self.server.config.server.limits)
        if scope["path"].endswith("/late"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            getattr(self.server, body.decode())
        except Exception:  # as an endpoint does that answers whatever goes wrong
            await send_json(send, 500, {})
            return
        await send_json(send, 200, {"here": True})

    def _shortcut(self, method: str, path: str, headers: Any) -> Any:
        def take(body: bytes, answer: Answer) -> Withdraw | None:
            getattr(self.server, body.decode())
            answer(200, [], b"")
            return lambda: None

        return take


class _Relayed:
    """Stands for the other side: it reads all, and says so."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        await send_json(send, 200, {"elsewhere": body.decode()})


def _app(*, closed: bool = False) -> FrontApp:
    registry = registry_for([Asks])
    config = load({"endpoints": {"asks": {}}, "observers": {}}, registry)
    connection, other = socket.socketpair()
    connection.close()
    other.close()
    link = Link(connection, lambda body: None, lambda fault: None)
    server = FrontServer(config, registry, MonotonicClock(), link, cast(Any, None))
    relaying = cast(Relaying, _Relayed())
    server.closed = closed
    return FrontApp(App(cast(Server, server), wait=False), server, ["/asks/deeper", "/asks-not"], relaying)


async def _ask(app: FrontApp, path: str, *parts: bytes) -> list[Message]:
    left = list(parts)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "http", "method": "POST", "path": path, "headers": []}, receive, send)
    return sent


@pytest.mark.parametrize(
    ("path", "parts", "answer"),
    [
        ("/asks", [b"clock"], b'{"here":true}'),
        ("/asks/more", [b"cl", b"ock"], b'{"here":true}'),
        ("/asks", [b"observers"], b'{"elsewhere":"observers"}'),
        ("/asks", [b"rea", b"", b"dy"], b'{"elsewhere":"ready"}'),
        ("/asks/deeper", [b"clock"], b'{"elsewhere":"clock"}'),
        ("/asks/deeper/still", [b"clock"], b'{"elsewhere":"clock"}'),
        ("/asks/deep", [b"clock"], b'{"here":true}'),
        ("/other", [b"clock"], b'{"elsewhere":"clock"}'),
    ],
)
def test_where_a_request_is_answered(path: str, parts: list[bytes], answer: bytes) -> None:
    assert asyncio.run(_ask(_app(), path, *parts))[1]["body"] == answer


def test_where_there_are_keys_nothing_is_answered_here() -> None:
    app = _app(closed=True)
    assert asyncio.run(_ask(app, "/asks", b"clock"))[1]["body"] == b'{"elsewhere":"clock"}'
    assert app.shortcut("POST", "/asks", {}) is None
    server = app._server
    server.closed = False
    found = app.shortcut("POST", "/asks", {})
    assert found is not None
    server.closed = True  # what was found before is not used any more
    assert found(b"clock", lambda status, headers, body: None) is None


def test_what_is_asked_for_too_late_is_a_fault() -> None:
    with pytest.raises(RuntimeError, match="asked for 'ready' after it had begun to answer"):
        asyncio.run(_ask(_app(), "/asks/late", b"ready"))


def test_a_shortcut_takes_what_is_known_here() -> None:
    app = _app()
    found = app.shortcut("POST", "/asks", {})
    assert found is not None
    statuses: list[int] = []
    assert found(b"clock", lambda status, headers, body: statuses.append(status)) is not None
    assert statuses == [200]
    assert found(b"ready", lambda status, headers, body: statuses.append(status)) is None
    assert statuses == [200]
    assert app.shortcut("POST", "/asks/deeper", {}) is None
    assert app.shortcut("POST", "/other", {}) is None
