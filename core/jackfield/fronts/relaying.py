"""Requests that a front does not answer itself: read and answered here, decided where the models are.

What is asked for goes back and forth as ASGI has it: a body is read no further than the other side wants it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from jackfield.fronts import messages as say
from jackfield.interfaces.endpoint import Message, Receive, Scope, Send
from jackfield.transport import Link

_encoder = msgspec.msgpack.Encoder()
_Coming = say.More | say.Sent | say.Over


class Relaying:
    """An ASGI app for `http`. `number` gives each request a new one. Used on the event loop."""

    def __init__(self, link: Link, number: Callable[[], int]) -> None:
        self._link = link
        self._number = number
        self._inboxes: dict[int, asyncio.Queue[_Coming]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises RuntimeError if the answer broke off."""
        number = self._number()
        inbox = self._inboxes[number] = asyncio.Queue()
        readers: set[asyncio.Task[None]] = set()
        over = False
        self._link.send(_encoder.encode(_relay(number, scope)))
        try:
            while not over:
                message = await inbox.get()
                if isinstance(message, say.More):
                    task = asyncio.ensure_future(self._read(number, receive))
                    readers.add(task)
                    task.add_done_callback(readers.discard)
                elif isinstance(message, say.Sent):
                    if message.status:
                        head = {"type": "http.response.start", "status": message.status, "headers": message.headers}
                        await send(head)
                    await send({"type": "http.response.body", "body": message.body, "more_body": message.more})
                    self._link.send(_encoder.encode(say.Wrote(number)))
                else:
                    over = True
                    if message.failed:
                        raise RuntimeError("a relayed request failed where the models are: its log tells more")
        finally:
            del self._inboxes[number]
            for task in readers:
                task.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            if not over:
                self._link.send(_encoder.encode(say.Withdraw(number)))

    def take(self, message: _Coming) -> None:
        """Something has come from the other side."""
        inbox = self._inboxes.get(message.number)
        if inbox is not None:
            inbox.put_nowait(message)

    async def _read(self, number: int, receive: Receive) -> None:
        message = await receive()
        gone = message["type"] == "http.disconnect"
        part = say.Part(number, message.get("body", b""), message.get("more_body", False), gone)
        self._link.send(_encoder.encode(part))


class Kept:
    """What was read of a request so far, to be read again from its beginning by another app."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read: list[Message] = []

    async def __call__(self) -> Message:
        message = await self._receive()
        self._read.append(message)
        return message

    async def again(self) -> Message:
        """What was read, and then what comes."""
        if self._read:
            return self._read.pop(0)
        return await self._receive()


def _relay(number: int, scope: Scope) -> say.Relay:
    return say.Relay(
        number,
        scope["http_version"],
        scope["method"],
        scope["path"],
        scope.get("raw_path", b""),
        scope.get("query_string", b""),
        list(scope["headers"]),
        scope.get("client"),
        scope.get("server"),
        scope.get("scheme", "http"),
    )
