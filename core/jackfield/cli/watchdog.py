"""A limit to how long the process takes to end, whatever hangs in it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

import structlog

log = structlog.get_logger("jackfield.serving")


class Watchdog:
    """Calls `end`, on a thread of its own, when the time is over that `within` gave last. `now`: seconds."""

    def __init__(self, end: Callable[[], None], now: Callable[[], float] = time.monotonic) -> None:
        self._end = end
        self._now = now
        self._deadlines: SimpleQueue[float] = SimpleQueue()  # which may be used in a signal's handler

    def start(self) -> None:
        """Wait for a limit."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def within(self, seconds: float) -> None:
        """The process has so long from now on. Also in a signal's handler."""
        self._deadlines.put(self._now() + seconds)

    def _watch(self) -> None:
        until = self._deadlines.get()
        while True:
            try:
                until = self._deadlines.get(timeout=max(until - self._now(), 0.0))
            except Empty:
                self._end()
                return


def end_now() -> None:
    """End this process and its children, whatever they are doing. Not for the main thread."""
    telling = threading.Thread(target=log.error, args=("it did not stop in time, and is ended",), daemon=True)
    telling.start()  # the log may be what hangs
    telling.join(0.5)
    for children in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError, ValueError):
            for pid in children.read_text().split():
                os.kill(int(pid), signal.SIGKILL)
    os._exit(1)
