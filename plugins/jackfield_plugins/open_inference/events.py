"""An answer as server-sent events."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.web import Send

_HEADERS = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))


class Events:
    """Begins with the first event, so that what goes wrong before it can still have a status of its own."""

    def __init__(self, send: Send, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._headers = [*_HEADERS, *headers]
        self.begun = False

    async def tell(self, contents: Sequence[bytes]) -> None:
        """Send an event for each of `contents`, JSON on one line."""
        if not self.begun:
            self.begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})
        body = b"".join([b"data: %b\n\n" % content for content in contents])
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self) -> None:
        """There are no more."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
