from __future__ import annotations

from typing import Any

import msgspec
import pytest

from jackfield_plugins.openai.fault import Fault
from jackfield_plugins.openai.messages import MOST, plain
from jackfield_plugins.openai.schema import Message


def read(*messages: dict[str, Any], developer: bool = False) -> list[dict[str, Any]]:
    return plain(msgspec.convert(list(messages), list[Message]), developer)


def test_texts_parts_and_names() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert read({"role": "user", "content": parts, "name": "me"}) == [{"role": "user", "content": "a\nb", "name": "me"}]


def test_developers_are_systems_where_a_template_does_not_know_them() -> None:
    assert read({"role": "developer", "content": "x"})[0]["role"] == "system"
    assert read({"role": "developer", "content": "x"}, developer=True)[0]["role"] == "developer"


def test_calls_reach_the_template_as_objects() -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": '{"a": [1]}'}}
    (found,) = read({"role": "assistant", "content": None, "tool_calls": [call]})
    assert found["content"] == ""
    assert found["tool_calls"] == [{"id": "1", "type": "function", "function": {"name": "f", "arguments": {"a": [1]}}}]
    (result,) = read({"role": "tool", "content": "5", "tool_call_id": "1"})
    assert result == {"role": "tool", "content": "5", "tool_call_id": "1"}


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"role": "king", "content": "x"}, "one of system, developer, user, assistant, tool, got 'king'"),
        ({"role": "user"}, "must have a content"),
        ({"role": "assistant"}, "must have a content"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "the model reads text only"),
        ({"role": "user", "content": [{"type": "text"}]}, "type 'text' and a text"),
        ({"role": "user", "content": [{"type": "odd", "text": "x"}]}, "type 'text' and a text"),
        ({"role": "user", "content": "x", "tool_calls": [{"function": {"name": "f"}}]}, "the assistant's messages"),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}, "not JSON"),
    ],
)
def test_what_is_refused(message: dict[str, Any], says: str) -> None:
    with pytest.raises(Fault) as raised:
        read({"role": "user", "content": "x"}, message)
    assert says in str(raised.value)
    assert "messages[1]" in str(raised.value)


def test_how_many() -> None:
    with pytest.raises(Fault, match="at least one"):
        read()
    with pytest.raises(Fault, match=f"at most {MOST} messages"):
        read(*[{"role": "user", "content": "x"}] * (MOST + 1))
