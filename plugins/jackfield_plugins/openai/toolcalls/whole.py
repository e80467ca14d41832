"""Formats in which an answer is either text or calls, as its beginning tells."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence

from jackfield_plugins.openai.toolcalls.parser import Call, CallParser, Said

_ENOUGH = 64  # characters from which on it is known what an answer is


class WholeParser(CallParser):
    """Holds an answer back as long as it may be calls: until its beginning says otherwise, or to its end."""

    begins: re.Pattern[str]
    """What an answer that is calls begins with."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(names)
        self._held = ""
        self._calls: bool | None = None

    def add(self, text: str, tokens: Sequence[int]) -> Said:
        """See the base class."""
        if self._calls is False:
            return [text] if text else []
        self._held += text
        if self._calls is None:
            if self.begins.match(self._held):
                self._calls = True
            elif not self._may_begin(self._held):
                self._calls = False
                return self._all()
        return []

    def finish(self) -> Said:
        """See the base class."""
        calls = self._parsed(self._held) if self._held.strip() and self._calls is not False else None
        if not calls:
            return self._all()
        self._held = ""
        return list(calls)

    @abstractmethod
    def _parsed(self, text: str) -> list[Call] | None:
        """The calls that `text` is, all of it; None if it is not."""

    @abstractmethod
    def _may_begin(self, text: str) -> bool:
        """Whether `text` may become the beginning of calls."""

    def _all(self) -> Said:
        held, self._held = self._held, ""
        return [held] if held else []


def undecided(text: str, first: str) -> bool:
    """Whether `text` is too short to tell, and begins with `first`, or with nothing but white space."""
    rest = text.lstrip()
    return len(rest) < _ENOUGH and (rest.startswith(first) or first.startswith(rest))
