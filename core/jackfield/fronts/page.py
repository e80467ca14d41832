"""Pages of shared memory that all fronts and the process behind them see: counters, and how much room there is."""

from __future__ import annotations

import mmap
import os
from enum import IntEnum

import numpy as np

MOST = 64
"""Fronts that have a place on it."""
_WIDTH = 8
_SLOTS = 1024


class Count(IntEnum):
    """What a front writes down, each a float64: `BEAT` is a time of the machine's monotonic clock, at which it was seen
    to run; how many connections it has, and has ever had or refused; and how many requests it has answered."""

    BEAT = 0
    OPEN = 1
    TAKEN = 2
    REFUSED = 3
    REQUESTS = 4


class Page:
    """Without `descriptor`, a new one. Single values are never torn: they are aligned words. Each front writes its own
    counters, and the process behind them how much room there is."""

    def __init__(self, descriptor: int | None = None) -> None:
        counters = MOST * _WIDTH
        size = (counters + _SLOTS) * 8
        self.descriptor = os.memfd_create("jackfield", os.MFD_CLOEXEC) if descriptor is None else descriptor
        if descriptor is None:
            os.ftruncate(self.descriptor, size)
        words = np.frombuffer(mmap.mmap(self.descriptor, size), np.float64)
        self._page = words[:counters].reshape(MOST, _WIDTH)
        self._free = words[counters:]

    def read(self, front: int, count: Count) -> float:
        """What stands there."""
        return float(self._page[front, count])

    def write(self, front: int, count: Count, value: float) -> None:
        """Put it there."""
        self._page[front, count] = value

    def total(self, count: Count) -> float:
        """Of all fronts."""
        return float(self._page[:, count].sum())

    def free(self, key: int) -> float:
        """Most bytes of a request for the version with this key, as far as it is known: another version may have
        written there, so that only a look at the version itself refuses a request."""
        return float(self._free[key % _SLOTS])

    def write_free(self, key: int, size: float) -> None:
        """Put it there."""
        self._free[key % _SLOTS] = size

    def close(self) -> None:
        """Close the descriptor; the page stays mapped as long as this lives."""
        os.close(self.descriptor)
