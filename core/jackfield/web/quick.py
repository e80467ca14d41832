"""The shortcut for small requests: whole in one piece, with a head that is known, answered without a task or ASGI.

Whatever is unusual about a request or its connection sends it the long way, with the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from jackfield.interfaces.endpoint import Withdraw
from jackfield.web.heads import Head, Heads
from jackfield.web.protocol import BoundedProtocol


class QuickAnswer:
    """Stands where uvicorn has the cycle of a request and its response."""

    __slots__ = ("_send", "disconnected", "keep_alive", "response_complete", "withdraw")

    def __init__(self, send: Callable[[QuickAnswer, int, Sequence[tuple[bytes, bytes]], bytes], None]) -> None:
        self._send = send
        self.disconnected = False
        self.keep_alive = True
        self.response_complete = False
        self.withdraw: Withdraw | None = None

    def __call__(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        if not self.response_complete and not self.disconnected:
            self.response_complete = True
            self._send(self, status, headers, body)


class QuickProtocol(BoundedProtocol):
    """Subclass it to set `limits` and `heads`."""

    heads: ClassVar[Heads] = Heads(lambda method, path, headers: None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._quick: QuickAnswer | None = None
        self._idle_since = 0.0
        self._date: tuple[object, bytes] = (None, b"")

    def data_received(self, data: bytes) -> None:
        if not self.unfinished and self.under_way is None and not self.pipeline:
            head = self.heads.known(data)
            if head is not None and self._take(head, data):
                return
            super().data_received(data)
            if self._began == 1 and not self.unfinished and self.scope["http_version"] == "1.1":
                self.heads.learn(data, self.scope["method"], self.scope["path"], self.headers)
        else:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        quick, self._quick = self._quick, None
        cycle: object = self.cycle
        if isinstance(cycle, QuickAnswer):  # it stands in for uvicorn's, which would be told
            self.cycle = None  # type: ignore[assignment]
        running: object = self._running
        if isinstance(running, QuickAnswer):
            self._running = None
        if quick is not None:
            quick.disconnected = True
            if quick.withdraw is not None:
                quick.withdraw()
        super().connection_lost(exc)

    def timeout_keep_alive_handler(self) -> None:
        """The timer is not set anew for each request, but for what is left when it has run out."""
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if self._quick is not None or left > 0:
            seconds = self.timeout_keep_alive if self._quick is not None else left
            self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _take(self, head: Head, data: bytes) -> bool:
        if self._ended or self.flow.write_paused or self.transport.is_closing():
            return False
        before = self.cycle
        quick = QuickAnswer(self._send)
        self.cycle = self._running = quick  # type: ignore[assignment]
        self._quick = quick
        withdraw = head.shortcut(data[head.size :], quick)
        if withdraw is None:
            self._quick, self.cycle, self._running = None, before, None
            return False
        quick.withdraw = withdraw
        if self._timer is not None:
            self._disarm()
        return True

    def _send(self, quick: QuickAnswer, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        self._quick = None
        head = STATUS_LINE[status] + self._default_headers()
        for name, value in headers:
            if name == b"connection" and value == b"close":
                quick.keep_alive = False
            else:
                head += b"%b: %b\r\n" % (name, value)
        if not quick.keep_alive:
            head += b"connection: close\r\n"
        self.transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        if not quick.keep_alive:
            self.end()
        if self.pipeline or self._refusal is not None or not quick.keep_alive:
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.keep_alive_again()
        if self.transport.get_write_buffer_size():
            self._watch_reader()

    def _default_headers(self) -> bytes:
        """uvicorn's own headers (the date), which it makes anew each second."""
        headers = self.server_state.default_headers
        if self._date[0] is not headers:
            self._date = (headers, b"".join(b"%b: %b\r\n" % header for header in headers))
        return self._date[1]
