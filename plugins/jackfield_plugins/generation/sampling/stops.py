"""Where an answer ends: texts before which it stops, also where they lie across the borders of tokens."""

from __future__ import annotations

from collections.abc import Sequence


class Stops:
    """Gives text on as far as no stop text can begin in it. One for each sequence."""

    __slots__ = ("_held", "_include", "_stops", "found")

    def __init__(self, stops: Sequence[str], include: bool = False) -> None:
        self.found: str | None = None
        """The stop text that ended it."""
        self._stops = tuple(stops)
        self._include = include
        self._held = ""

    def add(self, text: str) -> str:
        """The text that is certain to be part of the answer, now that `text` has come."""
        if not self._stops:
            return text
        whole = self._held + text
        # the one that is complete first; where two end together, the one that begins first
        ends = [(place + len(stop), place, stop) for stop in self._stops if (place := whole.find(stop)) >= 0]
        if ends:
            end, place, self.found = min(ends)
            self._held = ""
            return whole[: end if self._include else place]
        held = max(_overlap(whole, stop) for stop in self._stops)
        self._held = whole[len(whole) - held :]
        return whole[: len(whole) - held]

    def finish(self) -> str:
        """What was held back: it ends otherwise."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How long the longest end of `text` is with which `stop` begins, not the whole of it."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
