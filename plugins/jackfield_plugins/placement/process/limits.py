"""When a worker is given up although its process runs."""

from __future__ import annotations

import time

from jackfield_plugins.placement.process.child import Child
from jackfield_plugins.placement.process.status import Field

_EVERY = 0.05  # seconds between two looks


class Watch:
    """`silence`: seconds without a sign of life after which a worker hangs. `most`: bytes of memory that it may take,
    None for no limit. `reason`: why it was given up, empty as long as it was not."""

    def __init__(self, silence: float, most: int | None) -> None:
        self.reason = ""
        self._silence = silence
        self._most = most
        self._next = 0.0

    def wrong(self, child: Child) -> bool:
        """Whether the worker must be given up now."""
        now = time.perf_counter()
        if self.reason or now < self._next:  # asked for each request, and a look costs a read
            return False
        self._next = now + _EVERY
        quiet = now - child.status.read(Field.BEAT)
        if quiet > self._silence:
            self.reason = f"its process has shown no sign of life for {quiet:.1f} s"
        elif self._most is not None and (taken := child.memory()) > self._most:
            self.reason = (
                f"its process takes {taken / 2**20:.0f} MiB of memory, and at most {self._most / 2**20:.0f} are allowed"
            )
        return bool(self.reason)
