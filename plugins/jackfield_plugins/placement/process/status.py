"""A page of shared memory where the worker writes how it is, and the server looks without asking."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from enum import IntEnum

import numpy as np

_SIZE = 4096
_FIRST = 8
_MOST = _SIZE // 8 - _FIRST


class Field(IntEnum):
    """Places on the page, each a float64: `BEAT` and `SINCE` are times of the machine's monotonic clock (`SINCE` 0:
    nothing is executing); `TAKEN` counts the works that were ever taken in, of which `WAITING`, with `WAITING_ROWS`
    rows, wait. `COUNT`: how many works are in the step that runs; their numbers follow."""

    BEAT = 0
    SINCE = 1
    TAKEN = 2
    WAITING = 3
    WAITING_ROWS = 4
    COUNT = 5


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

    def run(self, numbers: Sequence[int]) -> None:
        """The works with these numbers take part in a step now; none: no step runs."""
        self._page[Field.COUNT] = 0
        if len(numbers) <= _MOST:
            self._page[_FIRST : _FIRST + len(numbers)] = numbers
        self._page[Field.COUNT] = len(numbers)

    @property
    def running(self) -> set[int] | None:
        """The numbers of the works in the step that runs, or ran last when the writer died; None: too many to tell."""
        count = int(self._page[Field.COUNT])
        return None if count > _MOST else {int(number) for number in self._page[_FIRST : _FIRST + count]}

    def close(self) -> None:
        """Close the descriptor; the page stays mapped as long as this lives."""
        os.close(self.descriptor)
