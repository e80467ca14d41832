"""The end of answers and of connections: clients that leave, that stop reading, or that still send."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from jackfield.config.models import LimitsConfig
from jackfield.web.answer import AnswerTransport
from jackfield.web.leaving import Leaving

_LINGER = 1.0  # seconds that a client which still sends gets to read its last answer
_LEAST_READ = 64 * 1024  # bytes that a client must read of a waiting answer within the keep-alive time


class EndingProtocol(HttpToolsProtocol):
    """Nothing here costs a request whose answer is read at once. Subclass it to set `limits`."""

    limits: ClassVar[LimitsConfig] = LimitsConfig()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.timeout_keep_alive = self.limits.keep_alive_timeout_s  # type: ignore[assignment]  # uvicorn rounds it
        self._running: RequestResponseCycle | None = None
        self._ended = False
        self._unread = 0
        self._reader: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._leaving: Leaving | None = None

    @property
    def under_way(self) -> RequestResponseCycle | None:
        """The request that is being answered; with pipelining not the one that is being read."""
        running = self._running
        return None if running is None or running.response_complete else running

    @property
    def unfinished(self) -> bool:
        """Whether a part of a request is still to come."""
        return False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._leaving = Leaving(transport, self.flow, transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._leaving is not None:
            self._leaving.watch()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._leaving is not None:
            self._leaving.stop()
            self._leaving = None
        if self._reader is not None:
            self._reader.cancel()
        if self._linger is not None:  # it would hold on to the connection for as long as a client may linger
            self._linger.cancel()
        self._unset_keepalive_if_required()
        running = self.under_way
        if running is not None:  # uvicorn tells only the request that was read last
            running.disconnected = True
            running.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)
        self.cycle = self._running = None  # type: ignore[assignment]  # a circle that would hold on to large answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        cycle.transport = AnswerTransport(self.transport, self.end, self.loop)  # type: ignore[assignment]
        super()._start_asgi_task(cycle, app)

    def end(self) -> None:
        """Close the connection after what was written. If the client still sends, let it read that first: closing with
        unread data would reset the connection, and the client would lose its answer."""
        if self._ended or self.transport.is_closing():
            return
        self._ended = True
        if self.unfinished:
            if self.transport.can_write_eof():  # not with TLS: the client knows by the answer that it is the last
                self.transport.write_eof()
            self.flow.resume_reading()
            self._linger = self.loop.call_later(_LINGER, self.transport.close)
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        if self._ended:
            self.server_state.total_requests += 1
        else:
            super().on_response_complete()
        self._watch_reader()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def keep_alive_again(self) -> None:
        """Wait for the next request from now on."""
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _unsupported_upgrade_warning(self) -> None:
        """Called by uvicorn when a request offers an upgrade, which may be ignored; its advice is not for us."""

    def _watch_reader(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        if self._unread:
            self._reader = self.loop.call_later(self.timeout_keep_alive, self._look_at_reader)

    def _look_at_reader(self) -> None:
        """A client that has stopped reading is given up with what is buffered for it, closing or not."""
        if self.transport.get_write_buffer_size() > max(self._unread - _LEAST_READ, 0):
            self.transport.abort()
        else:
            self._watch_reader()
