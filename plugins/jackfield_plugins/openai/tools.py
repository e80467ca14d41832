"""The tools that a request offers, and which of them it wants to be called."""

from __future__ import annotations

from typing import Any

import msgspec

from jackfield_plugins.openai.fault import Fault
from jackfield_plugins.openai.reading import decoded
from jackfield_plugins.openai.schema import ChatBody, given

_LARGEST = 512 * 1024  # bytes of JSON
_MOST = 128


class _Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Tool(msgspec.Struct):
    type: str
    function: _Function


_tools = msgspec.json.Decoder(list[_Tool])
_plain = msgspec.json.Decoder(list[dict[str, Any]])
_choices = msgspec.json.Decoder(str | dict[str, Any])


def tools_of(body: ChatBody) -> list[dict[str, Any]] | None:
    """The tools as the template is given them, None if there are none or none may be called. Raises Fault."""
    if given(body.functions):
        raise Fault("'functions' is no longer part of the protocol: give 'tools'", "functions")
    choice = _choice(body)
    if not given(body.tools):
        if choice == "required":
            raise Fault("'tool_choice' asks for a tool, and 'tools' has none", "tool_choice")
        return None
    raw = bytes(body.tools)
    if len(raw) > _LARGEST:
        raise Fault(f"'tools' must have at most {_LARGEST} bytes of JSON, got {len(raw)}", "tools")
    found = decoded(raw, _tools, "tools")
    if len(found) > _MOST:
        raise Fault(f"'tools' must have at most {_MOST} tools, got {len(found)}", "tools")
    for tool in found:
        if tool.type != "function":
            raise Fault("'tools' must be of the type 'function'", "tools")
    if choice == "required":
        raise Fault(
            "'tool_choice' must be 'none' or 'auto': what the model says cannot be forced into the form of a call yet",
            "tool_choice",
            "unsupported",
        )
    if choice == "none" or not found:
        return None
    return decoded(raw, _plain, "tools")


def _choice(body: ChatBody) -> str:
    """`none`, `auto`, or `required` for a named one, too."""
    if not given(body.tool_choice):
        return "auto"
    choice: str | dict[str, Any] = decoded(body.tool_choice, _choices, "tool_choice")
    if isinstance(choice, dict):
        return "required"
    if choice in ("none", "auto", "required"):
        return choice
    raise Fault("'tool_choice' must be 'none', 'auto', 'required' or an object that names a function", "tool_choice")
