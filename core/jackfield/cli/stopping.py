"""How the process ends: at the first signal it drains, at the second it stops at once, and there is a time for both."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import FrameType
from typing import Any

import structlog

from jackfield.cli.watchdog import Watchdog, end_now
from jackfield.server import Server

log = structlog.get_logger("jackfield.serving")

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_READING = 3.0  # seconds that clients get at least to read what was answered last
_SLACK = 30.0  # seconds beyond `drain_timeout_s` after which a process that does not end is ended
_AT_ONCE = 15.0  # the same after the second signal


class Stopping:
    """Ends what serves `server`'s app: `drain` has it end each connection with its next answer, and `end` has it end
    within so many seconds, which is what clients get to read the last answers.

    It goes on listening while what was accepted is answered: whoever asks is told that it is not ready, new requests
    are refused, and each answer says that its connection ends with it.
    """

    def __init__(self, server: Server, drain: Callable[[], None], end: Callable[[float], None]) -> None:
        self._server = server
        self._drain = drain
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._asked = 0
        self._watchdog = Watchdog(end_now)
        self._tasks: set[asyncio.Task[Any]] = set()

    def listen(self) -> None:
        """Stop at signals from now on. In the main thread."""
        self._watchdog.start()
        for number in _SIGNALS:
            signal.signal(number, self._signalled)

    def begin(self) -> None:
        """Drain, then end. On the event loop; a second time has no effect."""
        if not self._tasks:
            if not self._asked:  # a signal has said how long it may take
                self._watchdog.within(self._server.config.server.drain_timeout_s + _SLACK)
            self._do(self._stop())

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        """In the main thread, between any two instructions."""
        self._asked += 1
        limit = self._server.config.server.drain_timeout_s
        self._watchdog.within(limit + _SLACK if self._asked == 1 else _AT_ONCE if self._asked == 2 else 0)
        with suppress(RuntimeError):  # the loop is closed: it is about to end
            self._loop.call_soon_threadsafe(self._heard, signal.Signals(number).name, self._asked)

    def _heard(self, name: str, times: int) -> None:
        if times == 1:
            log.info("stopping", signal=name, drain_timeout_s=self._server.config.server.drain_timeout_s)
            self.begin()
        elif times == 2:
            log.warning("stopping at once", signal=name)
            self._do(self._server.stop(at_once=True))

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(self._loop.create_task(what))

    async def _stop(self) -> None:
        until = time.monotonic() + self._server.config.server.drain_timeout_s
        self._drain()
        try:
            await self._server.stop()
        finally:
            self._end(max(until - time.monotonic(), _READING))
