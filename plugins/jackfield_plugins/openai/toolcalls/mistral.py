"""`[TOOL_CALLS][{"name": …, "arguments": …}]`, or `[TOOL_CALLS]name{…}` as later models have it: Mistral."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from jackfield_plugins.openai.toolcalls.parser import Call, Said, first_json
from jackfield_plugins.openai.toolcalls.whole import WholeParser, undecided

_MARK, _ARGUMENTS = "[TOOL_CALLS]", "[ARGS]"
_NAME = re.compile(r"\s*([\w.-]+)\s*(?:\[ARGS\])?\s*(?=\{)")


class Mistral(WholeParser):
    """The mark is a special token, which is not shown in text: it is looked for among the tokens, too."""

    begins = re.compile(r'\s*(\[TOOL_CALLS\]|\[\s*\{\s*"(name|arguments)")')

    def __init__(self, names: frozenset[str], tokenizer: TextTokenizer) -> None:
        super().__init__(names)
        self._tokenizer = tokenizer
        self._mark = tokenizer.token(_MARK)

    def add(self, text: str, tokens: Sequence[int]) -> Said:
        """See the base class."""
        if self._mark is None or self._calls or self._mark not in tokens:
            return super().add(text, tokens)
        before = self._tokenizer.decode(tokens[: list(tokens).index(self._mark)])
        if not text.startswith(before):
            before = ""
        found = self._all()
        if before:
            found.append(before)
        self._held, self._calls = text[len(before) :], True
        return found

    def _may_begin(self, text: str) -> bool:
        return undecided(text, "[")

    def _parsed(self, text: str) -> list[Call] | None:
        text = text.strip().removeprefix(_MARK).lstrip()
        if text.startswith("["):
            found = first_json(text)
            if found is None or not isinstance(found[0], list) or text[found[1] :].strip():
                return None
            calls = [self._call(value) for value in found[0]]
            return None if None in calls else [call for call in calls if call is not None]
        return self._of_names(text)

    def _of_names(self, text: str) -> list[Call] | None:
        calls, place = list[Call](), 0
        while place < len(text):
            name = _NAME.match(text, place)
            found = first_json(text, name.end()) if name is not None else None
            call = self._named(name[1], found[0]) if name is not None and found is not None else None
            if call is None or found is None:
                return None
            calls.append(call)
            rest = text[found[1] :].lstrip().removeprefix(_MARK)
            place = len(text) - len(rest)
        return calls

    def _identity(self) -> str:
        return secrets.token_hex(5)[:9]  # its templates refuse ids of any other form
