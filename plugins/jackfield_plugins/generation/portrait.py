"""A model that generates text, as seen from another process than its executor's: its language, what its responses
carry, and how an answer that was begun is continued elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from jackfield import Request, Response
from jackfield.hosting import Likeness
from jackfield_plugins.generation.answer import Piece, Usage
from jackfield_plugins.generation.costing import cost_of
from jackfield_plugins.generation.language import Language
from jackfield_plugins.generation.parameters import Parameters
from jackfield_plugins.generation.sampling.logprobs import Likelihood
from jackfield_plugins.generation.text.chat_template import ChatTemplate
from jackfield_plugins.generation.text.tokenizer import TextTokenizer

WHERE = f"{__name__}:likeness"
CARRIED: Mapping[str, Any] = {
    "pieces": list[Piece],
    "usage": Usage,
    "prompt_likelihoods": list[Likelihood | None] | None,
}


def portrait(language: Language) -> tuple[str, Any]:
    """`language` as plain data, and what makes it out of that."""
    template = language.template
    data = {
        "tokenizer": language.tokenizer.json(),
        "vocabulary": language.tokenizer.vocabulary,
        "context": language.context,
        "limit": language.tokenizer.context,
        "slack": language.tokenizer.slack,
        "ends": list(language.ends),
        "defaults": msgspec.to_builtins(language.defaults),
        "source": template.source,
        "templates": dict(template.sources),
        "tokens": dict(template.tokens),
    }
    return WHERE, data


def likeness(data: Mapping[str, Any]) -> Likeness:
    """Out of what `portrait` gave."""
    from tokenizers import Tokenizer

    tokenizer = TextTokenizer(Tokenizer.from_str(data["tokenizer"]), data["vocabulary"], data["limit"], data["slack"])
    template = ChatTemplate(data["source"], data["templates"], data["tokens"])
    defaults = msgspec.convert(data["defaults"], Parameters, strict=False)
    language = Language(tokenizer, template, data["context"], tuple(data["ends"]), defaults)
    if data["templates"]:
        template.check()
    return Likeness(language, CARRIED, settle, resume, language.close, cost_of)


def settle(request: Request) -> None:
    """Give a request without a seed one, so that whoever goes on with it draws the same."""
    given = _sampling(request.parameters)
    if isinstance(given, Parameters):
        if given.seed is None:
            request.parameters["sampling"] = msgspec.structs.replace(given, seed=secrets.randbits(63))
    elif request.parameters.get("seed") is None:
        request.parameters["seed"] = secrets.randbits(63)


def resume(request: Request, told: Sequence[Response]) -> Request | None:
    """What is left of `request` when `told` is what its client was told: the same, with the tokens that are there. None
    for several choices, of which not all can go on from where they were."""
    echoed = any(response.parameters.get("prompt_likelihoods") for response in told)
    pieces = [piece for response in told for piece in response.parameters.get("pieces", ())]
    tokens = tuple(token for piece in pieces for token in piece.tokens)
    parameters = dict(request.parameters)
    given = _sampling(parameters)
    if isinstance(given, Parameters):
        if given.n > 1:
            return None
        parameters["sampling"] = msgspec.structs.replace(
            given, given=(*given.given, *tokens), echo=given.echo and not echoed
        )
    else:
        if parameters.get("n", 1) not in (None, 1):
            return None
        parameters["given"] = (*parameters.get("given", ()), *tokens)
        if echoed:
            parameters["echo"] = False
    return replace(request, parameters=parameters)


def _sampling(parameters: dict[str, Any]) -> Any:
    given = parameters.get("sampling")
    if isinstance(given, dict):  # it came from a front process
        given = parameters["sampling"] = msgspec.convert(given, Parameters, strict=False)
    return given
