"""uvicorn's HTTP protocol with limits on headers and on the time that a client may take.

Nothing here costs a request that arrives in one piece: timers are armed only when one does not.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from jackfield.config.models import LimitsConfig


class BoundedProtocol(HttpToolsProtocol):
    """Refuses with 431 what exceeds `limits`, with 408 what takes too long. Subclass it to set `limits`."""

    limits: ClassVar[LimitsConfig] = LimitsConfig()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_headers = True
        self._in_body = False
        self._header_bytes = 0
        self._refusal: tuple[int, str] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._arm(self.limits.header_timeout_s, "headers")

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        super().data_received(data)
        if self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > self.limits.max_header_bytes:
                self._refuse(431, f"the headers have more than {self.limits.max_header_bytes} bytes")
            elif self._timer is None and self._header_bytes:
                self._arm(self.limits.header_timeout_s, "headers")
        elif self._in_body:
            if self._timer is None:
                self._arm(self.limits.body_timeout_s, "body")
        elif self._timer is not None:
            self._disarm()

    def on_message_begin(self) -> None:
        self._in_headers = True
        self._header_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > self.limits.max_headers:
            self._refusal = (431, f"there are more than {self.limits.max_headers} headers")
            raise ValueError("too many headers")  # httptools stops parsing; send_400_response says why

    def on_headers_complete(self) -> None:
        self._disarm()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self.limits.max_header_bytes:
            self._refusal = (431, f"the headers have more than {self.limits.max_header_bytes} bytes")
            raise ValueError("headers too large")
        self._in_headers = False
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_body = False
        self._in_headers = True
        self._header_bytes = 0

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn when parsing failed."""
        status, text = self._refusal or (400, "the request is not valid HTTP")
        self._refuse(status, text)

    def timeout_keep_alive_handler(self) -> None:
        """A client that has not read its answer by now will not: what is buffered for it is given up."""
        if not self.transport.is_closing():
            if self.transport.get_write_buffer_size():
                self.transport.abort()
            else:
                self.transport.close()

    def _refuse(self, status: int, text: str) -> None:
        self._refusal = (status, text)
        self._disarm()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:  # an answer is half written: it can only be cut off
                self.transport.close()
                return
        body = b'{"error":"%s"}' % text.encode()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def _arm(self, seconds: float, what: str) -> None:
        self._timer = self.loop.call_later(seconds, self._late, what, seconds)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self, what: str, seconds: float) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self._refuse(408, f"the {what} did not arrive within {seconds:g} s")
