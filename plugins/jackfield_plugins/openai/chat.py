"""`POST /v1/chat/completions`."""

from __future__ import annotations

from typing import Any

import msgspec

from jackfield import Request, Server
from jackfield.errors import JackfieldError
from jackfield_plugins.generation.parameters import MAX_LOGPROBS
from jackfield_plugins.openai.call import Answer, Call
from jackfield_plugins.openai.chat_answer import ChatChunks, Wanted, chat_completion
from jackfield_plugins.openai.conversation import Tools, conversation
from jackfield_plugins.openai.fault import Fault, too_long
from jackfield_plugins.openai.generating import encoded, streamed, whole
from jackfield_plugins.openai.models import Models, Speaker
from jackfield_plugins.openai.sampling import checked_priority, sampling
from jackfield_plugins.openai.schema import ChatBody
from jackfield_plugins.openai.threads import TextThreads
from jackfield_plugins.openai.toolcalls.choosing import Choice, parser_for

CHAT = msgspec.json.Decoder(ChatBody)


class Chat:
    """`parser`: how calls of tools are found in answers."""

    def __init__(self, server: Server, models: Models, threads: TextThreads, parser: Choice) -> None:
        self._server = server
        self._models = models
        self._threads = threads
        self._parser = parser

    async def answer(self, call: Call) -> Answer | None:
        """The answer; None if it was streamed. Raises what went wrong."""
        body = await call.decoded(CHAT)
        speaker = await self._models.speaker(body.model)
        try:
            parameters = _parameters(body)
            tokens, tools = await self._threads.run(body.model, conversation, speaker, body)
            request = _request(call, speaker, body, {"tokens": tokens}, parameters)
        except JackfieldError as error:
            speaker.version.refused(error)
            raise
        wanted = Wanted(call, speaker, body, len(tokens), _names(tools), self._made(speaker, tools))
        if body.stream:
            await streamed(self._server, [request], call, ChatChunks(wanted))
            return None
        responses = await whole(self._server, [request], call)
        return 200, await encoded(chat_completion, responses, wanted, responses[0])

    def _made(self, speaker: Speaker, tools: Tools) -> Any:
        return None if tools is None else parser_for(self._parser, speaker.language)


def _request(
    call: Call, speaker: Speaker, body: ChatBody, inputs: dict[str, Any], parameters: dict[str, Any]
) -> Request:
    context, count, most = speaker.language.context, len(inputs["tokens"]), parameters.get("max_tokens", 1)
    if count + max(most, 0) > context:
        raise too_long(count, most, context, speaker.name, "messages")
    return call.request(speaker.name, inputs, parameters, checked_priority(body.priority))


def _parameters(body: ChatBody) -> dict[str, Any]:
    found = sampling(body)
    most = body.max_completion_tokens if body.max_completion_tokens is not None else body.max_tokens
    if most is not None:
        found["max_tokens"] = most
    if body.top_logprobs is not None:
        if not 0 <= body.top_logprobs <= MAX_LOGPROBS:
            raise Fault(f"'top_logprobs' must be from 0 to {MAX_LOGPROBS}, got {body.top_logprobs}", "top_logprobs")
        if not body.logprobs and body.top_logprobs:
            raise Fault("'top_logprobs' is for requests with 'logprobs': true only", "top_logprobs")
    if body.logprobs:
        found["logprobs"] = body.top_logprobs or 0
    return found


def _names(tools: Tools) -> frozenset[str]:
    return frozenset(tool["function"]["name"] for tool in tools or ())
