"""Chunks of a streamed answer: their constant parts are made once, and what is new is put between them."""

from __future__ import annotations

from typing import Any

import orjson

from jackfield_plugins.generation.answer import Usage
from jackfield_plugins.openai.events import DONE
from jackfield_plugins.openai.schema import Sampling
from jackfield_plugins.openai.usage import counted, usage_of


class Frame:
    """What all chunks of one answer have around their choice. `prompt`: tokens of all prompts together.

    With `include_usage` every chunk says that its usage is null, or what it was so far with
    `continuous_usage_stats`; and one more at the end tells the whole.
    """

    def __init__(self, head: dict[str, Any], body: Sampling, prompt: int) -> None:
        self._head = b"data: " + orjson.dumps(head)[:-1] + b',"choices":['
        options = body.stream_options
        self._include = options is not None and bool(options.include_usage)
        self._continuous = options is not None and bool(options.continuous_usage_stats)
        self._prompt = prompt
        self._said: dict[int, int] = {}
        self._usages: list[Usage] = []
        self._end = b'],"usage":null}\n\n' if self._include else b"]}\n\n"
        self._starts: dict[int, bytes] = {}

    def start(self, index: int, middle: bytes) -> bytes:
        """The beginning of chunks for choice `index`, up to where their text stands. `middle` is always the same."""
        found = self._starts.get(index)
        if found is None:
            found = self._starts[index] = self._head + b'{"index":%d,' % index + middle
        return found

    def end(self) -> bytes:
        """What stands behind a choice."""
        if self._continuous:
            return b'],"usage":' + orjson.dumps(counted(self._prompt, sum(self._said.values()))) + b"}\n\n"
        return self._end

    def chunk(self, choice: dict[str, Any]) -> bytes:
        """A whole chunk of `choice`."""
        return self._head + orjson.dumps(choice) + self.end()

    def count(self, number: int, tokens: int) -> None:
        """So many more tokens were said for request `number`."""
        self._said[number] = self._said.get(number, 0) + tokens

    def used(self, usage: Usage) -> None:
        """One request is over."""
        self._usages.append(usage)

    def last(self) -> bytes:
        """The end of the stream."""
        if not self._include and not self._continuous:
            return DONE
        return self._head + b'],"usage":' + orjson.dumps(usage_of(self._usages)) + b"}\n\n" + DONE
