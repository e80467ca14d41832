from __future__ import annotations

import json

import pytest

from jackfield_plugins.openai.toolcalls.hermes import Hermes
from jackfield_plugins.openai.toolcalls.parser import Call, Said

ONE = '<tool_call>\n{"name": "f", "arguments": {"a": "</x>é"}}\n</tool_call>'
TWO = ONE + "\n" + ONE.replace('"f"', '"g"')


def parsed(text: str, size: int) -> Said:
    parser = Hermes(frozenset(("f", "g")))
    found: Said = []
    for start in range(0, len(text), size):
        found += parser.add(text[start : start + size], [1])
    return [*found, *parser.finish()]


def told(said: Said) -> tuple[str, list[tuple[str, object]]]:
    text = "".join(one for one in said if isinstance(one, str))
    return text, [(one.name, json.loads(one.arguments)) for one in said if isinstance(one, Call)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("no call, a < b <tool", ("no call, a < b <tool", [])),
        (ONE, ("", [("f", {"a": "</x>é"})])),
        ("I look. " + TWO, ("I look. ", [("f", {"a": "</x>é"}), ("g", {"a": "</x>é"})])),
        (ONE + " Done. ", ("Done. ", [("f", {"a": "</x>é"})])),
        (ONE.removesuffix("</tool_call>"), ("", [("f", {"a": "</x>é"})])),
        (ONE.replace('"f"', '"unknown"'), (ONE.replace('"f"', '"unknown"'), [])),
        ("<tool_call>{broken</tool_call>", ("<tool_call>{broken</tool_call>", [])),
        ("<tool_call>{broken", ("<tool_call>{broken", [])),
        ("<tool_call>[1]</tool_call>x", ("<tool_call>[1]</tool_call>x", [])),
    ],
)
def test_calls_among_text(text: str, wanted: object, size: int) -> None:
    assert told(parsed(text, size)) == wanted


def test_a_call_is_told_when_it_is_complete_and_has_an_id() -> None:
    parser = Hermes(frozenset("f"))
    assert parser.add(ONE[:-1], []) == []
    (call,) = parser.add(ONE[-1:], [])
    assert isinstance(call, Call)
    assert call.id.startswith("call_")
    assert parser.finish() == []
