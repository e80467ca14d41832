"""Shared memory in which one side puts down arrays, and the other reads them where they lie.

It has no name in any file system: both processes hold it by its descriptor, and with the last of them it is gone.
"""

from __future__ import annotations

import mmap
import os
from bisect import insort
from contextlib import suppress

_ALIGN = 64
_LARGE = 8 * 1024 * 1024
"""Bytes from which a part that is free again gives its memory back; smaller ones keep it, to be written to sooner."""


class Arena:
    """The writer's side: which parts are taken. First fit; used by one thread at a time.

    `descriptor` is to be inherited by the other side; given, it is the memory that the other side has made. `close`
    lets go of it here.
    """

    def __init__(self, size: int, descriptor: int | None = None) -> None:
        self.size = size
        self.descriptor = os.memfd_create("jackfield", os.MFD_CLOEXEC) if descriptor is None else descriptor
        if descriptor is None:
            os.ftruncate(self.descriptor, size)  # pages take memory once they are written to
        self.memory = mmap.mmap(self.descriptor, size)
        self._free: list[tuple[int, int]] = [(0, size)]
        self._taken: dict[int, int] = {}

    @property
    def taken(self) -> int:
        """Bytes that are in use."""
        return sum(self._taken.values())

    def take(self, size: int) -> int | None:
        """Where `size` bytes may be written; None if there is no such part left."""
        need = -(-max(size, 1) // _ALIGN) * _ALIGN
        for place, (start, length) in enumerate(self._free):
            if length >= need:
                if length == need:
                    del self._free[place]
                else:
                    self._free[place] = (start + need, length - need)
                self._taken[start] = need
                return start
        return None

    def give(self, start: int) -> None:
        """The reader has done with what was put down at `start`. What nobody took is passed over."""
        length = self._taken.pop(start, None)
        if length is None:
            return
        if length >= _LARGE:
            first, last = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE, (start + length) // mmap.PAGESIZE * mmap.PAGESIZE
            self.memory.madvise(mmap.MADV_REMOVE, first, last - first)
        insort(self._free, (start, length))
        merged: list[tuple[int, int]] = []
        for one, size in self._free:
            if merged and sum(merged[-1]) == one:
                merged[-1] = (merged[-1][0], merged[-1][1] + size)
            else:
                merged.append((one, size))
        self._free = merged

    def close(self) -> None:
        """Let go of it. What is still read of it stays mapped until nobody does."""
        os.close(self.descriptor)
        with suppress(BufferError):  # an array lies in it; with that it goes
            self.memory.close()
