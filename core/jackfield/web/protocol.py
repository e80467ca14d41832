"""uvicorn's HTTP protocol with limits on connections, on headers and on the time that a client may take.

Nothing here costs a request that arrives in one piece: timers are armed only when one does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from jackfield.web.ending import EndingProtocol

_MOST_PIPELINED = 128


class _Reading(Enum):
    NOTHING = auto()
    HEADERS = auto()
    BODY = auto()


class BoundedProtocol(EndingProtocol):
    """Refuses with 431 what exceeds `limits`, with 408 what takes too long, with 503 connections beyond their number.

    A refusal ends the connection, after the answers to those requests that came before.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reading = _Reading.NOTHING
        self._began = 0  # messages that began in the piece of data that is being parsed
        self._got_body = False  # whether that piece held some of a body
        self._framing = 0  # bytes of the message's headers, or since the last of its body, as far as they are counted
        self._trailers = 0
        self._refusal: tuple[int, str] | None = None
        self._told = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def unfinished(self) -> bool:
        return self._reading is not _Reading.NOTHING or self._refusal is not None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        if self.crowded():
            self.connections.discard(self)
            self._refuse(503, f"there are {self.limits.max_connections} connections, and no more are taken")
        else:
            self._arm(self.limits.header_timeout_s, "headers")

    def crowded(self) -> bool:
        """Whether there are too many connections, with this one. Asked once for each."""
        return len(self.connections) > self.limits.max_connections

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None or self._ended:
            return
        before, self._began, self._got_body = self._reading, 0, False
        super().data_received(data)
        if self._reading is _Reading.NOTHING:
            if self.under_way is None and not self.pipeline and self._timer is None:
                self.keep_alive_again()  # an empty line, or the end of a body that nobody waited for
            return
        in_headers = self._reading is _Reading.HEADERS
        if self._reading is before and not self._began and not self._got_body:
            self._framing += len(data)
        else:  # pieces that hold more than framing are not counted: headers are measured when they are complete
            self._framing = len(data) if in_headers and self._began == 1 and before is _Reading.NOTHING else 0
        if self._framing > self.limits.max_header_bytes:
            self._refuse(431, f"the headers have more than {self.limits.max_header_bytes} bytes")
        elif self._timer is None:
            if in_headers:
                self._arm(self.limits.header_timeout_s, "headers")
            else:
                self._arm(self.limits.body_timeout_s, "body")

    def on_message_begin(self) -> None:
        self._reading = _Reading.HEADERS
        self._began += 1
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reading is _Reading.BODY:  # a trailer: it is not to be taken for a header
            self._trailers += 1
        else:
            super().on_header(name, value)
        if len(self.headers) + self._trailers > self.limits.max_headers:
            self._refusal = (431, f"there are more than {self.limits.max_headers} headers")
            raise ValueError("too many headers")  # httptools stops parsing; send_400_response says why

    def on_headers_complete(self) -> None:
        self._disarm()
        self._trailers = 0
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self.limits.max_header_bytes:
            self._refusal = (431, f"the headers have more than {self.limits.max_header_bytes} bytes")
            raise ValueError("headers too large")
        if self.parser.should_upgrade() and _has_body(self.headers):  # httptools would take the body for the upgraded
            self._refusal = (400, "an Upgrade cannot be offered with a request that has a body")
            raise ValueError("upgrade with body")
        if len(self.pipeline) >= _MOST_PIPELINED:
            self._refusal = (503, f"more than {_MOST_PIPELINED} requests were sent without waiting for an answer")
            raise ValueError("too many requests")
        super().on_headers_complete()
        self._reading = _Reading.BODY

    def on_body(self, body: bytes) -> None:
        self._got_body = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._reading = _Reading.NOTHING
        self._disarm()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refusal is not None and self.under_way is None:
            self._tell_refusal()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn when parsing failed."""
        status, text = self._refusal or (400, "the request is not valid HTTP")
        self._refuse(status, text)

    def _refuse(self, status: int, text: str) -> None:
        """Answer what is being read with an error, once everything before it is answered; nothing is read after it."""
        self._refusal = (status, text)
        self._disarm()
        cycle, running = self.cycle, self.under_way
        if self._reading is _Reading.BODY:
            if cycle is running:
                running = None
            elif self.pipeline and self.pipeline[0][0] is cycle:
                self.pipeline.popleft()
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
            if cycle.response_started:  # it has its answer, or a part of it
                self._told = True
                self.end()
        if running is None:
            self._tell_refusal()

    def _tell_refusal(self) -> None:
        if self._told or self._refusal is None:
            return
        self._told = True
        status, text = self._refusal
        body = b'{"error":"%s"}' % text.encode()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.end()

    def _arm(self, seconds: float, what: str) -> None:
        self._timer = self.loop.call_later(seconds, self._late, what, seconds)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self, what: str, seconds: float) -> None:
        self._timer = None
        running = self.under_way
        if running is not None and (running is not self.cycle or self._reading is _Reading.HEADERS):
            self._arm(seconds, what)  # an earlier request is being answered, and nothing is read meanwhile
        elif not self.transport.is_closing():
            self._refuse(408, f"the {what} did not arrive within {seconds:g} s")


def _has_body(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers)
