"""Scheduler: the order in which waiting work is offered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from jackfield.interfaces.plug import Plug
from jackfield.options import Options
from jackfield.work import Work


class Line(ABC):
    """What admission must know of a scheduler's order: how much is sure to run before work that comes now. Made once
    per replica by `Scheduler.line`; used on the event loop only, so that it shares nothing with the scheduler."""

    @abstractmethod
    def enter(self, work: Work) -> None:
        """`work` was accepted."""

    @abstractmethod
    def leave(self, work: Work) -> None:
        """`work`, which has entered, was answered. Cheap wherever it stands."""

    @abstractmethod
    def ahead(self, work: Work) -> float:
        """How many rows, of work that has entered and not left, are sure to run before `work`, which has not entered.
        Asked only if `work` might come too late."""


class Scheduler(Plug, ABC):
    """Made once per replica; holds the work that waits. Called from one thread at a time; owns the order, not the work.

    Must not lose or double work, must not starve any, and must not read a clock: `now` is passed in.
    """

    foresees: ClassVar[bool] = False
    """Whether work is to be expired once the quickest step that was seen could no longer meet its deadline, before it
    costs anything; otherwise it is when the deadline has passed."""

    def __init__(self, options: Options) -> None:
        self.settings = options

    @abstractmethod
    def add(self, work: Work, now: float) -> None:
        """Take `work` in. It is not in here yet."""

    @abstractmethod
    def remove(self, work: Work) -> None:
        """Let go of `work`, which is in here: it was planned, cancelled or has expired. Cheap wherever it stands."""

    @abstractmethod
    def offer(self, now: float) -> Iterator[Work]:
        """All work in here, in the order in which it should run. Consumed lazily, and not beside `add` or `remove`."""

    @abstractmethod
    def __len__(self) -> int:
        """How many works are in here."""

    def line(self) -> Line | None:
        """A new line for this order, empty; then work that would come too late is shed. None, the default: nothing is
        sure but what runs, and such work expires instead."""
        return None
