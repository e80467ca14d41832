from __future__ import annotations

import json
from typing import Any

from jackfield import Response
from jackfield.web import Scope
from jackfield_plugins.generation.answer import Piece, Usage
from jackfield_plugins.open_inference.headers import said
from jackfield_plugins.openai.call import Call
from jackfield_plugins.openai.chat_answer import ChatChunks, Wanted, chat_completion
from jackfield_plugins.openai.events import Events
from jackfield_plugins.openai.schema import ChatBody
from jackfield_plugins.openai.toolcalls.hermes import Hermes
from tests.plugins.openai.made import speaker

CALL = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'


async def _nothing(*_: Any) -> Scope:
    return {}


def wanted(tools: bool) -> Wanted:
    call = Call(b"", said({}, None), _nothing, Events(_nothing, []), created=5, unique="u")  # type: ignore[arg-type]
    return Wanted(call, speaker(), ChatBody(model="m", messages=[]), 3, frozenset("f"), Hermes if tools else None)


def response(*pieces: Piece, final: bool = False) -> Response:
    more = {"usage": Usage(3, 4, 0)} if final else {}
    return Response({}, {"pieces": list(pieces), **more}, final)


def choices(data: bytes) -> list[dict[str, Any]]:
    events = [one.removeprefix("data: ") for one in data.decode().split("\n\n") if one]
    return [json.loads(one)["choices"][0] for one in events]


def test_the_first_chunk_has_the_role_and_the_last_a_reason() -> None:
    chunks = ChatChunks(wanted(tools=False))
    first = choices(chunks.of(0, [response(Piece(0, 'a"\n', [1])), response(Piece(1, "b", [1]))]))
    assert [(one["index"], one["delta"]) for one in first] == [
        (0, {"role": "assistant", "content": ""}),
        (0, {"content": 'a"\n'}),
        (1, {"role": "assistant", "content": ""}),
        (1, {"content": "b"}),
    ]
    assert all(one["finish_reason"] is None for one in first)
    last = choices(chunks.of(0, [response(Piece(0, "c", [2], None, "length"), Piece(1, "", [], None, "stop", 7))]))
    assert [(one["delta"], one["finish_reason"]) for one in last] == [
        ({"content": "c"}, None),
        ({}, "length"),
        ({}, "stop"),
    ]
    assert last[-1]["stop_reason"] == 7
    assert chunks.end() == b"data: [DONE]\n\n"


def test_calls_are_told_in_order_with_text_beside_them() -> None:
    chunks = ChatChunks(wanted(tools=True))
    text = "Wait. " + CALL + "\n" + CALL
    found = [
        one
        for start in range(0, len(text), 5)
        for one in choices(chunks.of(0, [response(Piece(0, text[start : start + 5], [1]))]))
    ]
    found += choices(chunks.of(0, [response(Piece(0, "", [2], None, "stop"), final=True)]))
    assert "".join(one["delta"].get("content", "") for one in found) == "Wait. "
    calls = [call for one in found for call in one["delta"].get("tool_calls", ())]
    assert [(call["index"], call["function"]["name"]) for call in calls] == [(0, "f"), (1, "f")]
    assert calls[0]["id"] != calls[1]["id"]
    assert found[-1]["finish_reason"] == "tool_calls"


def test_a_whole_answer_with_calls() -> None:
    answer = json.loads(chat_completion(wanted(tools=True), response(Piece(0, CALL, [1], None, "stop"), final=True)))
    (choice,) = answer["choices"]
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
    assert choice["finish_reason"] == "tool_calls"
    assert (answer["id"], answer["object"], answer["created"]) == ("chatcmpl-u", "chat.completion", 5)


def test_an_answer_that_was_cut_is_told_as_cut_though_it_called() -> None:
    answer = json.loads(chat_completion(wanted(tools=True), response(Piece(0, CALL, [1], None, "length"), final=True)))
    assert answer["choices"][0]["finish_reason"] == "length"
