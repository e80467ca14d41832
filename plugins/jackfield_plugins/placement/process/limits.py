"""When a worker is given up although its process runs."""

from __future__ import annotations

import time
from collections.abc import Callable

from jackfield_plugins.placement.process.child import Child
from jackfield_plugins.placement.process.status import Field

_EVERY = 0.05  # seconds between two looks
_MOST = 0.25  # seconds between two looks that count; beyond, this process stood still, and maybe all the machine


class Watch:
    """`silence`: seconds without a sign of life after which a worker hangs. `most`: bytes of memory that it may take,
    None for no limit. `reason`: why it was given up, empty as long as it was not. `now`: the clock that the worker
    reads too."""

    def __init__(self, silence: float, most: int | None, now: Callable[[], float] = time.perf_counter) -> None:
        self.reason = ""
        self._silence = silence
        self._most = most
        self._now = now
        self._next = self._looked = 0.0
        self._beat = self._quiet = 0.0

    def wrong(self, child: Child) -> bool:
        """Whether the worker must be given up now."""
        now = self._now()
        if self.reason or now < self._next:  # asked for each request, and a look costs a read
            return False
        self._next = now + _EVERY
        between, self._looked = min(now - self._looked, _MOST, self._silence / 2), now
        beat, before = child.status.read(Field.BEAT), self._beat
        self._beat = beat
        self._quiet = self._quiet + between if beat == before else min(now - beat, between)
        if self._quiet > self._silence:
            self.reason = f"its process has shown no sign of life for {self._quiet:.1f} s"
        elif self._most is not None and (taken := child.memory()) > self._most:
            self.reason = (
                f"its process takes {taken / 2**20:.0f} MiB of memory, and at most {self._most / 2**20:.0f} are allowed"
            )
        return bool(self.reason)
