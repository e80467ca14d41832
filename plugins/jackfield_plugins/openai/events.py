"""Server-sent events: an answer in chunks, each of which is written in one go with all that is ready."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.web import Send

DONE = b"data: [DONE]\n\n"
_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # a proxy would hold back what has come
)


class Events:
    """The events of one answer. Its status is sent with the first of them, so that what fails before has its own."""

    def __init__(self, send: Send, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._headers = headers
        self.begun = False

    async def write(self, data: bytes) -> None:
        """Send `data`, whole events; returns when the client reads fast enough."""
        if not self.begun:
            self.begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, *self._headers]})
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes) -> None:
        """Send `data`, and that nothing follows."""
        await self.write(data)
        await self._send({"type": "http.response.body", "body": b""})
