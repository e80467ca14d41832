"""Starts of replicas that nobody waits for any more, while the thread that starts them cannot be interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger("jackfield.lifecycle")


class Abandonment:
    """One start: either it is finished or it is abandoned, whichever comes first. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Callable[[], None]] = []
        self._abandoned = self._finished = False

    def tell(self, call: Callable[[], None]) -> None:
        """Have `call` called when it is abandoned, now if it is."""
        with self._lock:
            if not self._abandoned:
                self._calls.append(call)
                return
        _call(call)

    def abandon(self) -> None:
        """Nobody waits for it any more. Without effect if it is finished."""
        with self._lock:
            if self._finished:
                return
            self._abandoned = True
            calls, self._calls = self._calls, []
        for call in calls:
            _call(call)

    def finish(self, hand_over: Callable[[], None]) -> bool:
        """Call `hand_over`, which must not block, unless it is abandoned; whether it was not."""
        with self._lock:
            self._calls.clear()
            if self._abandoned:
                return False
            self._finished = True
            hand_over()
            return True


def _call(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:  # a placement is foreign code
        log.exception("a start could not be abandoned cleanly")
