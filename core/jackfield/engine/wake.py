"""How the event loop rouses an engine thread: a signal that costs nothing when nobody sleeps."""

from __future__ import annotations

import threading


class Wake:
    """One sleeper, any number of callers of `set`. A `set` between `arm` and `sleep` is not lost.

    `threading.Event` takes a lock and makes one on every wait, three times the cost; here `set` reads one attribute
    unless somebody sleeps. Spurious wake-ups are possible; the sleeper looks again at what it waits for.
    """

    __slots__ = ("_armed", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._armed = False

    def set(self) -> None:
        """Rouse the sleeper, if there is one."""
        if self._armed:
            self._armed = False
            try:
                self._lock.release()
            except RuntimeError:
                # two callers saw it armed: the first has released the lock already
                return

    def arm(self) -> None:
        """Say that `sleep` follows. What is waited for must be looked at between the two."""
        self._armed = True

    def disarm(self) -> None:
        """No `sleep` follows after all."""
        self._armed = False

    def sleep(self, timeout: float | None) -> None:
        """Sleep until `set`, or for `timeout` seconds."""
        self._lock.acquire(timeout=-1 if timeout is None else min(max(timeout, 0.0), threading.TIMEOUT_MAX))
        self._armed = False
