"""`<tool_call>{"name": …, "arguments": …}</tool_call>`, among other text: Hermes, Qwen2.5, Qwen3, SmolLM2."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield_plugins.openai.toolcalls.parser import CallParser, Said, first_json, overlap

_BEGIN, _END = "<tool_call>", "</tool_call>"


class Hermes(CallParser):
    """A call is told when it is complete; what stands between the marks and is none is text."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(names)
        self._held = ""
        self._inside = False
        self._called = False
        self._looked = 0

    def add(self, text: str, tokens: Sequence[int]) -> Said:
        """See the base class."""
        self._held += text
        found: Said = []
        while True:
            mark = _END if self._inside else _BEGIN
            place = self._held.find(mark, self._looked)
            if place < 0:
                break
            part, self._held = self._held[:place], self._held[place + len(mark) :]
            self._looked = 0
            self._part(part, closed=True, found=found)
            self._inside = not self._inside
        if self._inside:
            self._looked = max(len(self._held) - len(_END), 0)
        else:
            certain = len(self._held) - overlap(self._held, _BEGIN)
            self._part(self._held[:certain], closed=True, found=found)
            self._held = self._held[certain:]
        return found

    def finish(self) -> Said:
        """See the base class."""
        found: Said = []
        self._part(self._held, closed=False, found=found)
        self._held = ""
        return found

    def _part(self, part: str, closed: bool, found: Said) -> None:
        if not self._inside:
            if self._called:  # what parts calls from each other and from the text behind is no text
                part = part.lstrip()
            if part:
                self._called = False
                found.append(part)
            return
        value = first_json(part)
        call = self._call(value[0]) if value is not None and not part[value[1] :].strip() else None
        if call is not None:
            self._called = True
            found.append(call)
        else:
            found.append(_BEGIN + part + (_END if closed else ""))
