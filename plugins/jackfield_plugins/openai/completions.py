"""`POST /v1/completions`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from jackfield import Array, Request, Server
from jackfield.errors import JackfieldError, TooLarge
from jackfield_plugins.generation.parameters import MAX_LOGPROBS
from jackfield_plugins.openai.call import Answer, Call
from jackfield_plugins.openai.completion_answer import CompletionChunks, Wanted, completion
from jackfield_plugins.openai.fault import CONTEXT, Fault, too_long
from jackfield_plugins.openai.generating import encoded, streamed, whole
from jackfield_plugins.openai.models import Models, Speaker
from jackfield_plugins.openai.prompts import Prompts, prompts
from jackfield_plugins.openai.sampling import checked_priority, sampling
from jackfield_plugins.openai.schema import CompletionBody
from jackfield_plugins.openai.threads import TextThreads

_DEFAULT_MAX_TOKENS = 16
_decoder = msgspec.json.Decoder(CompletionBody)


@dataclass(slots=True)
class Prompt:
    """`text`: what `echo` puts before the answer."""

    tokens: Array
    text: str = ""


class Completions:
    """`most`: prompts in one request."""

    def __init__(self, server: Server, models: Models, threads: TextThreads, most: int) -> None:
        self._server = server
        self._models = models
        self._threads = threads
        self._most = most

    async def answer(self, call: Call) -> Answer | None:
        """The answer; None if it was streamed. Raises what went wrong."""
        body = await call.decoded(_decoder)
        speaker = await self._models.speaker(body.model)
        try:
            parameters = _parameters(body)
            found = await self._threads.run(body.model, _prompts, speaker, body, self._most)
            requests = [self._request(call, speaker, body, one, parameters) for one in found]
        except JackfieldError as error:
            speaker.version.refused(error)
            raise
        wanted = Wanted(call, speaker, body, found, parameters.get("n", 1))
        if body.stream:
            await streamed(self._server, requests, call, CompletionChunks(wanted))
            return None
        responses = await whole(self._server, requests, call)
        return 200, await encoded(completion, responses, wanted, responses)

    def _request(
        self, call: Call, speaker: Speaker, body: CompletionBody, prompt: Prompt, parameters: dict[str, Any]
    ) -> Request:
        context, count, most = speaker.language.context, len(prompt.tokens), parameters["max_tokens"]
        if count + max(most, 0) > context:
            raise too_long(count, most, context, speaker.name, "prompt")
        return call.request(speaker.name, {"tokens": prompt.tokens}, parameters, checked_priority(body.priority))


def _parameters(body: CompletionBody) -> dict[str, Any]:
    found = sampling(body)
    n = 1 if body.n is None else body.n
    if body.best_of is not None and body.best_of != n:
        raise Fault(f"'best_of' must be equal to 'n', which is {n}: all that are made are given", "best_of")
    if body.suffix:
        raise Fault("'suffix' is not supported: the models served here go on from a prompt only", "suffix")
    if body.logprobs is not None:
        if not 0 <= body.logprobs <= MAX_LOGPROBS:
            raise Fault(f"'logprobs' must be from 0 to {MAX_LOGPROBS}, got {body.logprobs}", "logprobs")
        found["logprobs"] = body.logprobs
    if body.echo:
        found["echo"] = True
    found["max_tokens"] = _DEFAULT_MAX_TOKENS if body.max_tokens is None else body.max_tokens
    return found


def _prompts(speaker: Speaker, body: CompletionBody, most: int) -> list[Prompt]:
    """On a thread: the prompts as tokens."""
    language = speaker.language
    tokenizer, context = language.tokenizer, language.context
    given: Prompts = prompts(body.prompt, "prompt", most, context)
    found = []
    for one in given:
        if isinstance(one, str):
            try:
                tokens = tokenizer.encode(one, special=body.add_special_tokens)
            except TooLarge as error:
                raise Fault(str(error), "prompt", CONTEXT) from None
            if not tokens:
                raise Fault("'prompt' is empty: there is nothing to go on from", "prompt")
            found.append(Prompt(np.array(tokens, np.int32), one))
        else:
            if len(one) > context:
                raise too_long(len(one), 0, context, speaker.name, "prompt")
            if int(one.max()) >= tokenizer.vocabulary:
                raise Fault(
                    f"'prompt' must hold tokens from 0 to {tokenizer.vocabulary - 1}, got {int(one.max())}", "prompt"
                )
            found.append(Prompt(one, tokenizer.decode(one.tolist(), special=True) if body.echo else ""))
    return found
