"""A page of shared memory where the worker writes how it is, and the server looks without asking."""

from __future__ import annotations

import mmap
import os
from enum import IntEnum

import numpy as np

_SIZE = 4096


class Field(IntEnum):
    """Places on the page, each a float64: `BEAT` and `SINCE` are times of the machine's monotonic clock (`SINCE` 0:
    nothing is executing); `TAKEN` and `TAKEN_ROWS` count what was ever taken in, when `WAITING` and `WAITING_ROWS` of
    it waited."""

    BEAT = 0
    SINCE = 1
    TAKEN = 2
    TAKEN_ROWS = 3
    WAITING = 4
    WAITING_ROWS = 5


class Status:
    """One side's view of the page. Single values are never torn: they are aligned words."""

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = os.memfd_create("jackfield", os.MFD_CLOEXEC) if descriptor is None else descriptor
        if descriptor is None:
            os.ftruncate(self.descriptor, _SIZE)
        self._page = np.frombuffer(mmap.mmap(self.descriptor, _SIZE), np.float64)

    def read(self, field: Field) -> float:
        """What stands there."""
        return float(self._page[field])

    def write(self, field: Field, value: float) -> None:
        """Put it there."""
        self._page[field] = value

    def close(self) -> None:
        """Close the descriptor; the page stays mapped as long as this lives."""
        os.close(self.descriptor)
