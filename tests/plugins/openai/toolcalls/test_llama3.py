from __future__ import annotations

import pytest

from jackfield_plugins.openai.toolcalls.llama3 import Llama3
from jackfield_plugins.openai.toolcalls.parser import Call

CALL = '{"name": "f", "parameters": {"a": 1}}'


def parsed(text: str, size: int = 3) -> list[str | tuple[str, str]]:
    parser = Llama3(frozenset(("f", "g")))
    found = [one for start in range(0, len(text), size) for one in parser.add(text[start : start + size], [])]
    found += parser.finish()
    texts = "".join(one for one in found if isinstance(one, str))
    calls: list[str | tuple[str, str]] = [(one.name, one.arguments) for one in found if isinstance(one, Call)]
    return [*calls, *([texts] if texts else [])]


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (CALL, [("f", '{"a":1}')]),
        ("\n<|python_tag|>" + CALL, [("f", '{"a":1}')]),
        (CALL + "; " + CALL.replace('"f"', '"g"'), [("f", '{"a":1}'), ("g", '{"a":1}')]),
        ('{"type": "function", "function": "f", "parameters": {}}', [("f", "{}")]),
        ("Hello {there}", ["Hello {there}"]),
        ('{"answer": 42}', ['{"answer": 42}']),
        (CALL.replace('"f"', '"unknown"'), [CALL.replace('"f"', '"unknown"')]),
        (CALL[:-1], [CALL[:-1]]),
        (CALL + " and more", [CALL + " and more"]),
        ("", []),
        ("  ", ["  "]),
    ],
)
def test_answers_that_are_calls_or_text(text: str, wanted: object, size: int) -> None:
    assert parsed(text, size) == wanted


def test_text_is_not_held_back() -> None:
    parser = Llama3(frozenset("f"))
    assert parser.add("Hello", []) == ["Hello"]
    assert parser.add(" world {", []) == [" world {"]
