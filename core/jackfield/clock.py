"""Time is passed in: policies, schedulers, routers and the engine read a `Clock`, never the operating system."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock. Thread-safe."""

    def now(self) -> float:
        """Seconds since an arbitrary, fixed moment; never runs backwards."""
        ...


class MonotonicClock:
    """The clock of the machine."""

    now = staticmethod(time.perf_counter)
