"""What finds calls of tools in an answer as it comes."""

from __future__ import annotations

import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

_decoder = json.JSONDecoder()


class Call(msgspec.Struct, frozen=True):
    """`arguments` is JSON in a text, as the protocol has it."""

    id: str
    name: str
    arguments: str


Said = list[str | Call]
"""Text of the answer and calls, in order."""


class CallParser(ABC):
    """One for each choice. A call of a tool that was not offered is text."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    @abstractmethod
    def add(self, text: str, tokens: Sequence[int]) -> Said:
        """What has become certain with `text`, which `tokens` stand for."""

    @abstractmethod
    def finish(self) -> Said:
        """What was held back."""

    def _call(self, value: Any) -> Call | None:
        """The call that `value`, an object with a name and arguments, is; None if it is none."""
        if not isinstance(value, dict):
            return None
        arguments = value.get("arguments", value.get("parameters", {}))
        return self._named(value.get("name"), arguments)

    def _named(self, name: object, arguments: object) -> Call | None:
        if not isinstance(name, str) or name not in self._names:
            return None
        if not isinstance(arguments, str):
            try:
                arguments = orjson.dumps(arguments).decode()
            except TypeError:  # a number beyond 64 bits
                arguments = json.dumps(arguments)
        return Call(self._identity(), name, arguments)

    def _identity(self) -> str:
        return f"call_{secrets.token_hex(12)}"


def first_json(text: str, start: int = 0) -> tuple[Any, int] | None:
    """The value that stands at `start` of `text`, after white space, and where it ends; None if there is none."""
    while start < len(text) and text[start].isspace():
        start += 1
    try:
        return _decoder.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None


def overlap(text: str, marker: str) -> int:
    """How much of the end of `text` may be the beginning of `marker`."""
    for length in range(min(len(text), len(marker) - 1), 0, -1):
        if text.endswith(marker[:length]):
            return length
    return 0
