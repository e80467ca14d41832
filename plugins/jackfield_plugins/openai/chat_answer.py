"""The answer in a conversation, whole or in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from jackfield import Response
from jackfield_plugins.generation.answer import Piece
from jackfield_plugins.openai.call import Call
from jackfield_plugins.openai.chunks import Frame
from jackfield_plugins.openai.logprobs import of_chat
from jackfield_plugins.openai.models import Speaker
from jackfield_plugins.openai.schema import ChatBody
from jackfield_plugins.openai.toolcalls import parser as toolcalls
from jackfield_plugins.openai.toolcalls.choosing import MakeParser
from jackfield_plugins.openai.usage import usage_of

_CONTENT = b'"delta":{"content":'
_GOES_ON = b'},"logprobs":null,"finish_reason":null}'


@dataclass(slots=True)
class Wanted:
    """What an answer depends on. `prompt`: its tokens. `names`: those of the tools that may be called, which parsers
    that `parser` makes find; None: there are none."""

    call: Call
    speaker: Speaker
    body: ChatBody
    prompt: int
    names: frozenset[str]
    parser: MakeParser | None

    def head(self, kind: str) -> dict[str, Any]:
        """What an answer, or every chunk, begins with."""
        call = self.call
        return {"id": f"chatcmpl-{call.unique}", "object": kind, "created": call.created, "model": self.body.model}


def chat_completion(wanted: Wanted, response: Response) -> bytes:
    """The answer that `response` makes."""
    choices = [_choice(wanted, piece) for piece in response.parameters["pieces"]]
    usage = usage_of([response.parameters["usage"]])
    return orjson.dumps({**wanted.head("chat.completion"), "choices": choices, "usage": usage})


class ChatChunks:
    """The chunks of one answer. See `Chunks`."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._frame = Frame(wanted.head("chat.completion.chunk"), wanted.body, wanted.prompt)
        self._plain = wanted.parser is None and not wanted.body.logprobs
        self._choices: dict[int, _Streamed] = {}

    def of(self, number: int, responses: Sequence[Response]) -> bytes:
        """See `Chunks`."""
        found: list[bytes] = []
        frame = self._frame
        for response in responses:
            for piece in response.parameters["pieces"]:
                index = piece.index
                choice = self._choices.get(index)
                if choice is None:
                    choice = self._choices[index] = _Streamed(self._wanted, index)
                    found.append(frame.chunk(choice.chunk({"role": "assistant", "content": ""})))
                frame.count(number, len(piece.tokens))
                if self._plain and not piece.finish:
                    found.append(frame.start(index, _CONTENT) + orjson.dumps(piece.text) + _GOES_ON + frame.end())
                else:
                    found += [frame.chunk(chunk) for chunk in choice.chunks(piece)]
            if response.final:
                frame.used(response.parameters["usage"])
        return b"".join(found)

    def end(self) -> bytes:
        """See `Chunks`."""
        return self._frame.last()


class _Streamed:
    """One choice that is told in chunks."""

    def __init__(self, wanted: Wanted, index: int) -> None:
        self._wanted = wanted
        self._index = index
        self._parser = wanted.parser(wanted.names) if wanted.parser is not None else None
        self._calls = 0

    def chunks(self, piece: Piece) -> list[dict[str, Any]]:
        """Those that tell of `piece`."""
        found = []
        likelihoods = of_chat(piece, self._wanted.speaker.texts)
        for delta in self._deltas(piece):
            found.append(self.chunk(delta, likelihoods))
            likelihoods = None
        if likelihoods is not None and likelihoods["content"]:
            found.append(self.chunk({"content": ""}, likelihoods))
        if piece.finish:
            found.append(self.chunk({}, None, _reason(piece, self._calls > 0), piece.stop))
        return found

    def chunk(
        self,
        delta: dict[str, Any],
        likelihoods: dict[str, Any] | None = None,
        reason: str | None = None,
        stop: str | int | None = None,
    ) -> dict[str, Any]:
        """One of them."""
        found = {"index": self._index, "delta": delta, "logprobs": likelihoods, "finish_reason": reason}
        if reason is not None:
            found["stop_reason"] = stop
        return found

    def _deltas(self, piece: Piece) -> list[dict[str, Any]]:
        if self._parser is None:
            return [{"content": piece.text}] if piece.text else []
        found: list[dict[str, Any]] = []
        for one in _parsed(self._parser, piece):
            if isinstance(one, str):
                found.append({"content": one})
            else:
                found.append({"tool_calls": [{"index": self._calls, **_told(one)}]})
                self._calls += 1
        return found


def _choice(wanted: Wanted, piece: Piece) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": piece.text, "refusal": None}
    calls: list[dict[str, Any]] = []
    if wanted.parser is not None:
        said = _parsed(wanted.parser(wanted.names), piece)
        calls = [_told(one) for one in said if not isinstance(one, str)]
        if calls:
            message["content"] = "".join(one for one in said if isinstance(one, str)) or None
            message["tool_calls"] = calls
    return {
        "index": piece.index,
        "message": message,
        "logprobs": of_chat(piece, wanted.speaker.texts),
        "finish_reason": _reason(piece, bool(calls)),
        "stop_reason": piece.stop,
    }


def _parsed(parser: toolcalls.CallParser, piece: Piece) -> toolcalls.Said:
    said = parser.add(piece.text, piece.tokens)
    return [*said, *parser.finish()] if piece.finish else said


def _reason(piece: Piece, called: bool) -> str:
    return "tool_calls" if called and piece.finish == "stop" else piece.finish


def _told(call: toolcalls.Call) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
