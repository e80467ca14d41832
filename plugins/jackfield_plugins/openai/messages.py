"""The messages of a conversation, checked, as plain data for a chat template."""

from __future__ import annotations

from typing import Any

import msgspec

from jackfield_plugins.open_inference.texts import shown
from jackfield_plugins.openai.fault import Fault
from jackfield_plugins.openai.schema import Message

MOST = 4096
_ROLES = ("system", "developer", "user", "assistant", "tool")
_MEDIA = ("image_url", "input_image", "input_audio", "video_url", "audio_url", "file")


def plain(messages: list[Message], developer: bool) -> list[dict[str, Any]]:
    """`messages` for a template. `developer`: whether it knows that role, else it is told of a system's.

    Raises Fault naming the message.
    """
    if not messages:
        raise Fault("'messages' must have at least one message", "messages")
    if len(messages) > MOST:
        raise Fault(f"'messages' must have at most {MOST} messages, got {len(messages)}", "messages")
    return [_plain(f"messages[{number}]", message, developer) for number, message in enumerate(messages)]


def _plain(where: str, message: Message, developer: bool) -> dict[str, Any]:
    role = message.role
    if role not in _ROLES:
        raise Fault(f"'{where}.role' must be one of {', '.join(_ROLES)}, got '{shown(role, 40)}'", "messages")
    if message.content is None and not (role == "assistant" and (message.tool_calls or message.reasoning_content)):
        raise Fault(f"'{where}' must have a content", "messages")
    if role == "developer" and not developer:
        role = "system"
    found: dict[str, Any] = {"role": role, "content": _content(where, message)}
    if message.name is not None:
        found["name"] = message.name
    if message.reasoning_content is not None:
        found["reasoning_content"] = message.reasoning_content
    if message.tool_call_id is not None:
        found["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        if role != "assistant":
            raise Fault(f"'{where}.tool_calls' is for the assistant's messages only", "messages")
        found["tool_calls"] = [
            {"id": call.id, "type": call.type, "function": _function(where, call.function)}
            for call in message.tool_calls
        ]
    return found


def _content(where: str, message: Message) -> str:
    """One text: templates of models that read text alone know nothing of parts."""
    content = message.content
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    texts = []
    for number, part in enumerate(content):
        if part.type in _MEDIA:
            raise Fault(
                f"'{where}.content[{number}]' is of the type '{part.type}': the model reads text only", "messages"
            )
        if part.type not in ("text", "input_text", "refusal") or part.text is None:
            raise Fault(f"'{where}.content[{number}]' must have the type 'text' and a text", "messages")
        texts.append(part.text)
    return "\n".join(texts)


def _function(where: str, function: Any) -> dict[str, Any]:
    """Templates want arguments as an object; the protocol has them as a text of JSON."""
    arguments = function.arguments
    if isinstance(arguments, str):
        try:
            arguments = msgspec.json.decode(arguments) if arguments else {}
        except (ValueError, RecursionError):
            raise Fault(f"'{where}.tool_calls' has arguments that are not JSON", "messages") from None
    return {"name": function.name, "arguments": arguments}
