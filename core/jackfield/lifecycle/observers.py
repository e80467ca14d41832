"""Telling the observers: plain calls to those that listen, and none of them can disturb a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from jackfield.interfaces import Observer, Settled
from jackfield.work import StepReport, Work

log = structlog.get_logger("jackfield.observers")

_Call = Callable[..., None]


class Observers:
    """Used on the event loop. Built once; an observer that does not override a method costs nothing there."""

    def __init__(self, observers: Sequence[tuple[str, Observer]]) -> None:
        self.all = dict(observers)
        self._accepted = _listeners(observers, "accepted")
        self._settled = _listeners(observers, "settled")
        self._stepped = _listeners(observers, "stepped")
        self._refused = _listeners(observers, "refused")
        self._changed = _listeners(observers, "changed")

    def accepted(self, model: str, version: str, work: Work) -> None:
        """A request has entered a queue."""
        if self._accepted:
            self._tell(self._accepted, model, version, work)

    def settled(self, model: str, version: str, work: Work) -> None:
        """A request is over."""
        if self._settled:
            self._tell(self._settled, Settled(model, version, work))

    def stepped(self, model: str, version: str, report: StepReport) -> None:
        """A step has ended."""
        if self._stepped:
            self._tell(self._stepped, model, version, report)

    def refused(self, model: str, reason: str) -> None:
        """A request was not accepted."""
        if self._refused:
            self._tell(self._refused, model, reason)

    def changed(self, model: str, version: str, state: str, reason: str) -> None:
        """A version has entered a state."""
        if self._changed:
            self._tell(self._changed, model, version, state, reason)

    def _tell(self, listeners: list[tuple[str, _Call]], *args: Any) -> None:
        for listener in tuple(listeners):
            try:
                listener[1](*args)
            except Exception:
                log.exception("observer raised and is not told again", observer=listener[0])
                listeners.remove(listener)


def _listeners(observers: Sequence[tuple[str, Observer]], method: str) -> list[tuple[str, _Call]]:
    return [
        (name, getattr(observer, method))
        for name, observer in observers
        if getattr(type(observer), method) is not getattr(Observer, method)
    ]
