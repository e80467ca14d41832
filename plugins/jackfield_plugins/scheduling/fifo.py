"""Scheduler `fifo`: first come, first served."""

from __future__ import annotations

from collections.abc import Iterator

from jackfield import Line, Options, Scheduler, Work
from jackfield_plugins.scheduling.lines import InLine


class Fifo(Scheduler):
    """A dictionary keeps the order of arrival and lets go of any work at once."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._waiting: dict[Work, None] = {}

    def add(self, work: Work, now: float) -> None:
        """Take `work` in, behind all others."""
        self._waiting[work] = None

    def remove(self, work: Work) -> None:
        """Let go of `work`."""
        del self._waiting[work]

    def offer(self, now: float) -> Iterator[Work]:
        """All work, oldest first."""
        return iter(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    def line(self) -> Line:
        """All that came before is ahead."""
        return InLine()
