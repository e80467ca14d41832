"""Requests that came to a front, answered here by the app that has all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec
import structlog

from jackfield.fronts import messages as say
from jackfield.interfaces.endpoint import ASGIApp, Message
from jackfield.transport import Link

log = structlog.get_logger("jackfield.fronts")

_encoder = msgspec.msgpack.Encoder()


class _Exchange:
    """One of them. `asked`: the front was asked for more of the body, and has not answered."""

    def __init__(self, link: Link, number: int, before: Callable[[], None]) -> None:
        self.parts: asyncio.Queue[Message] = asyncio.Queue()
        self.wrote = asyncio.Event()
        self.asked = False
        self._head: tuple[int, list[say.Header]] = (0, [])
        self._link = link
        self._number = number
        self._before = before

    async def receive(self) -> Message:
        """ASGI's."""
        if not self.asked and self.parts.empty():
            self.asked = True
            self._link.send(_encoder.encode(say.More(self._number)))
        return await self.parts.get()

    async def send(self, message: Message) -> None:
        """ASGI's; returns when the front has passed it on. A head waits for what follows it."""
        if message["type"] == "http.response.start":
            headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
            self._head = message["status"], headers
            return
        (status, headers), self._head = self._head, (0, [])
        if status:
            self._before()
        body = bytes(message.get("body", b""))
        self.wrote.clear()
        self._link.send(_encoder.encode(say.Sent(self._number, status, headers, body, message.get("more_body", False))))
        await self.wrote.wait()


class Relayed:
    """Those of one front. `before` is called before an answer goes out. Used on the event loop."""

    def __init__(self, app: ASGIApp, link: Link, before: Callable[[], None]) -> None:
        self._app = app
        self._link = link
        self._before = before
        self._running: dict[int, tuple[_Exchange, asyncio.Task[bool]]] = {}

    def begin(self, message: say.Relay) -> None:
        """A request has come."""
        exchange = _Exchange(self._link, message.number, self._before)
        task = asyncio.ensure_future(self._run(message, exchange))
        self._running[message.number] = exchange, task
        task.add_done_callback(partial(self._over, message.number))

    def part(self, message: say.Part) -> None:
        """A piece of a body has."""
        found = self._running.get(message.number)
        if found is not None:
            exchange = found[0]
            exchange.asked = False
            if message.gone:
                exchange.parts.put_nowait({"type": "http.disconnect"})
            else:
                exchange.parts.put_nowait({"type": "http.request", "body": message.body, "more_body": message.more})

    def wrote(self, message: say.Wrote) -> None:
        """A piece of an answer is on its way."""
        found = self._running.get(message.number)
        if found is not None:
            found[0].wrote.set()

    def withdraw(self, number: int) -> None:
        """Nobody waits for the answer."""
        found = self._running.get(number)
        if found is not None:
            found[1].cancel()

    def close(self) -> None:
        """The front is gone."""
        for _, task in self._running.values():
            task.cancel()

    async def _run(self, message: say.Relay, exchange: _Exchange) -> bool:
        """Whether it was answered."""
        try:
            await self._app(_scope(message), exchange.receive, exchange.send)
        except Exception:
            log.exception("a relayed request failed", method=message.method)
            return False
        return True

    def _over(self, number: int, task: asyncio.Task[bool]) -> None:
        """However it ended, and if it had not even begun."""
        del self._running[number]
        self._link.send(_encoder.encode(say.Over(number, task.cancelled() or not task.result())))


def _scope(message: say.Relay) -> Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": message.http_version,
        "method": message.method,
        "path": message.path,
        "raw_path": message.raw_path,
        "root_path": "",
        "query_string": message.query,
        "headers": list(message.headers),
        "client": message.client,
        "server": message.server,
        "scheme": message.scheme,
    }
