"""However the process is told to end, there is a time for it."""

from __future__ import annotations

import signal

from jackfield.cli.stopping import Stopping
from jackfield.server import Server
from tests.core.lifecycle.fakes import configured, in_loop, plugged, until


@in_loop
async def test_a_drain_that_no_signal_asked_for_has_a_limit_too() -> None:
    async with Server(configured(), registry=plugged()) as server:
        ended: list[float] = []
        stopping = Stopping(server, lambda: None, ended.append)
        limits = stopping._watchdog._deadlines
        stopping.begin()
        assert limits.qsize() == 1
        stopping.begin()
        assert limits.qsize() == 1
        await until(lambda: ended)


@in_loop
async def test_what_a_signal_said_is_not_prolonged() -> None:
    async with Server(configured(), registry=plugged()) as server:
        ended: list[float] = []
        stopping = Stopping(server, lambda: None, ended.append)
        for _ in range(2):  # both come before the event loop hears of the first
            stopping._signalled(signal.SIGTERM, None)
        assert stopping._watchdog._deadlines.qsize() == 2
        await until(lambda: ended)
        assert stopping._watchdog._deadlines.qsize() == 2
