from __future__ import annotations

from typing import Any

import msgspec
import pytest

from jackfield_plugins.openai.fault import Fault
from jackfield_plugins.openai.schema import ChatBody
from jackfield_plugins.openai.tools import tools_of

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}, "more": 1}


def read(**fields: Any) -> Any:
    return tools_of(msgspec.json.decode(msgspec.json.encode({"model": "m", "messages": [], **fields}), type=ChatBody))


def test_tools_reach_the_template_as_they_came() -> None:
    assert read(tools=[TOOL]) == [TOOL]
    assert read(tools=[TOOL], tool_choice="auto") == [TOOL]
    assert read() is None
    assert read(tools=[]) is None
    assert read(tools=[TOOL], tool_choice="none") is None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"functions": [{}]}, "functions"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tools": [{**TOOL, "type": "retrieval"}]}, "tools"),
        ({"tools": [TOOL] * 129}, "tools"),
        ({"tools": [{**TOOL, "more": "x" * 600_000}]}, "tools"),
        ({"tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": "perhaps"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": 3}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Fault) as raised:
        read(**fields)
    assert raised.value.param == param
