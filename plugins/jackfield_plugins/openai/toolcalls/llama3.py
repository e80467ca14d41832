"""`{"name": …, "parameters": …}`, the whole of an answer, several with semicolons between: Llama 3.1 and later."""

from __future__ import annotations

import re

from jackfield_plugins.openai.toolcalls.parser import Call, first_json
from jackfield_plugins.openai.toolcalls.whole import WholeParser, undecided

_TAG = "<|python_tag|>"  # a special token, which is not shown as a rule


class Llama3(WholeParser):
    """See above."""

    begins = re.compile(rf'\s*({re.escape(_TAG)})?\s*\{{\s*"(name|type|function|parameters)"')

    def _may_begin(self, text: str) -> bool:
        return undecided(text, "{") or undecided(text, _TAG)

    def _parsed(self, text: str) -> list[Call] | None:
        text = text.strip().removeprefix(_TAG)
        calls, place = list[Call](), 0
        while place < len(text):
            found = first_json(text, place)
            if found is None:
                return None
            value, place = found
            if isinstance(value, dict) and isinstance(value.get("function"), str):
                value = {**value, "name": value["function"]}
            call = self._call(value)
            if call is None:
                return None
            calls.append(call)
            rest = text[place:].lstrip(" \t\r\n;")
            place = len(text) - len(rest)
        return calls
