"""Triton's extension `generate`: one object with one text in, one or many out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from jackfield import Response, Server, Version
from jackfield.errors import Cancelled, InvalidRequest, Unsupported
from jackfield.web import Receive, Scope, Send, exchange, streaming
from jackfield_plugins.open_inference.events import Events
from jackfield_plugins.open_inference.headers import Headers, Said
from jackfield_plugins.open_inference.infer import LARGE_REQUEST, Inference, Sent, is_large
from jackfield_plugins.open_inference.json_output import refuse_infinite, to_json
from jackfield_plugins.open_inference.language import Piece, Usage, language_of
from jackfield_plugins.open_inference.outputs import Form, Wanted, refuse_formless
from jackfield_plugins.open_inference.paths import Target
from jackfield_plugins.open_inference.question import Question, decode
from jackfield_plugins.open_inference.texts import shown
from jackfield_plugins.open_inference.versions import require_signature

Refusal = Callable[[Headers, Exception, str], tuple[int, bytes, list[tuple[bytes, bytes]]]]

_JSON = (b"content-type", b"application/json")
_AS_JSON = Wanted({}, Form(False))


class Generate:
    """Answers `generate` and `generate_stream`. `refusal` gives what an error is answered with."""

    def __init__(self, server: Server, inference: Inference, refusal: Refusal) -> None:
        self._server = server
        self._inference = inference
        self._refusal = refusal

    async def answer(self, scope: Scope, receive: Receive, target: Target) -> Sent:
        """The body and headers of an answer in one object; raises what went wrong."""
        told = self._inference.said(dict(scope["headers"]))
        question, version = await self._asked(scope, receive, told, target)
        if question.stream:
            raise InvalidRequest("parameter 'stream' must be false here: ask `generate_stream` for an answer in pieces")
        _, response = await exchange(self._server, question.request, receive)
        return await _whole(question, version, response), [_JSON, *told.echoed]

    async def stream(self, scope: Scope, receive: Receive, send: Send, target: Target) -> None:
        """Send the answer as it comes. Raises what went wrong before its first part; what goes wrong later is the last
        event, in the form that errors have."""
        headers = dict(scope["headers"])
        told = self._inference.said(headers)
        question, version = await self._asked(scope, receive, told, target)
        events = Events(send, told.echoed)
        if question.stream is False:
            _, response = await exchange(self._server, question.request, receive)
            await events.tell([await _whole(question, version, response)])
            await events.end()
            return
        if question.before:
            raise InvalidRequest("parameter 'exclude_input_in_output' must be true for an answer in pieces")
        if question.request.parameters.get("n", 1) not in (1, None):
            raise InvalidRequest("parameter 'n' must be 1 for an answer in pieces: they do not tell whose they are")
        try:
            async with streaming(self._server, question.request, receive) as stream:
                async for response in stream:
                    come = [response, *stream.ready()]
                    await events.tell([await _whole(question, version, one) for one in come])
        except Cancelled:
            raise
        except Exception as error:
            if not events.begun:
                raise
            await events.tell([self._refusal(headers, error, scope["path"])[1]])
        await events.end()

    async def _asked(self, scope: Scope, receive: Receive, told: Said, target: Target) -> tuple[Question, Version]:
        """The question, and the version that it is for, as they are now."""
        _, model, version = target
        inference = self._inference
        inference.check_room(told.headers, model, version)
        try:
            body = await inference.body(scope, receive, told.headers, model, version)
            if model in self._server.sleeping:
                await self._server.awake(model)
            found = self._server.model(model).version(version)
            require_signature(found)
            if len(body) > LARGE_REQUEST or language_of(found.about, found.signature) is not None:
                question = await asyncio.to_thread(decode, body, found)
            else:
                question = decode(body, found)
            refuse_formless(found.signature, _AS_JSON)
        except (InvalidRequest, Unsupported) as error:
            if model not in self._server.sleeping:
                self._server.model(model).version(version).refused(error)
            raise
        request, identity = question.request, question.identity
        request.version, request.trace, request.tenant = version, told.trace, told.tenant
        request.id = (identity if identity.isprintable() else shown(identity)) or told.identity
        return question, found


async def _whole(question: Question, version: Version, response: Response) -> bytes:
    if is_large(response, _AS_JSON):
        return await asyncio.to_thread(_content, question, version, response)
    return _content(question, version, response)


def _content(question: Question, version: Version, response: Response) -> bytes:
    """The object that `response` is told as. Raises InvalidRequest if JSON cannot express it."""
    content: dict[str, Any] = {"id": question.identity} if question.identity else {}
    content |= {"model_name": version.model, "model_version": version.name}
    pieces: Sequence[Piece] | None = response.parameters.get("pieces")
    if pieces is not None:
        content |= _generated(question, pieces, response.parameters.get("usage"))
        return orjson.dumps(content)
    for name, array in response.outputs.items():
        data = to_json(name, array)
        content[name] = data[0] if array.size == 1 else data
    text = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    if b"null" in text:
        refuse_infinite(response.outputs.items())
    return text


def _generated(question: Question, pieces: Sequence[Piece], usage: Usage | None) -> dict[str, Any]:
    texts = [question.before + piece.text for piece in pieces]
    finishes = [piece.finish or None for piece in pieces]
    one = len(pieces) <= 1
    content: dict[str, Any] = {"text_output": (texts[0] if texts else "") if one else texts}
    if "return_finish_reason" in question.returned:
        content["finish_reason"] = (finishes[0] if finishes else None) if one else finishes
    if usage is not None and "return_num_input_tokens" in question.returned:
        content["num_input_tokens"] = usage.prompt
    if usage is not None and "return_num_output_tokens" in question.returned:
        content["num_output_tokens"] = usage.completion
    return content
