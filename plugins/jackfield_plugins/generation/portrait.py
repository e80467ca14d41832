"""A model that generates text, as seen from another process than its executor's: its language, what its responses
carry, and how an answer that was begun is continued elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from jackfield import Request, Response, Work
from jackfield.hosting import Likeness
from jackfield_plugins.generation.accepting import TOKENS
from jackfield_plugins.generation.answer import Piece, Usage
from jackfield_plugins.generation.costing import cost_of
from jackfield_plugins.generation.language import Language
from jackfield_plugins.generation.parameters import Begun, Parameters
from jackfield_plugins.generation.sampling.logprobs import Likelihood
from jackfield_plugins.generation.text.chat_template import ChatTemplate
from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from jackfield_plugins.generation.told import StepTokens

WHERE = f"{__name__}:likeness"
CARRIED: Mapping[str, Any] = {
    "pieces": list[Piece],
    "usage": Usage,
    "prompt_likelihoods": list[Likelihood | None] | None,
}


class Seen:
    """What observers read of a generation that runs elsewhere: `work.extra`."""

    __slots__ = ("finishes", "prompt")

    def __init__(self, prompt: int) -> None:
        self.prompt = prompt
        self.finishes: list[str] = []


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
    return Likeness(language, CARRIED, settle, resume, language.close, cost_of, seen)


def settle(request: Request) -> None:
    """Give a request without a seed one, so that whoever goes on with it draws the same."""
    given = _sampling(request.parameters)
    if isinstance(given, Parameters):
        if given.seed is None:
            request.parameters["sampling"] = msgspec.structs.replace(given, seed=secrets.randbits(63))
    elif request.parameters.get("seed") is None:
        request.parameters["seed"] = secrets.randbits(63)


def resume(request: Request, told: Sequence[Response]) -> Request | None:
    """What is left of `request` when `told` is what its client was told: the same, with the tokens that are there."""
    echoed = any(response.parameters.get("prompt_likelihoods") for response in told)
    pieces = [piece for response in told for piece in response.parameters.get("pieces", ())]
    parameters = dict(request.parameters)
    given = _sampling(parameters)
    if isinstance(given, Parameters):
        more: dict[str, Any] = _there(given.n, given.given, given.begun, pieces)
        parameters["sampling"] = msgspec.structs.replace(given, echo=given.echo and not echoed, **more)
    else:
        parameters |= _there(
            parameters.get("n") or 1, parameters.get("given") or (), parameters.get("begun") or (), pieces
        )
        if echoed:
            parameters["echo"] = False
    return replace(request, parameters=parameters)


def _sampling(parameters: dict[str, Any]) -> Any:
    given = parameters.get("sampling")
    if isinstance(given, dict):  # it came from a front process
        given = parameters["sampling"] = msgspec.convert(given, Parameters, strict=False)
    return given


def _there(n: int, given: Sequence[int], begun: Sequence[Begun], pieces: Sequence[Piece]) -> dict[str, Any]:
    if n == 1:
        return {"given": (*given, *(token for piece in pieces for token in piece.tokens))}
    tokens = [list(one.tokens) for one in begun] or [[] for _ in range(n)]
    finishes = [one.finish for one in begun] or [""] * n
    for piece in pieces:
        tokens[piece.index] += piece.tokens
        finishes[piece.index] = piece.finish
    return {"begun": tuple(Begun(tuple(own), finish) for own, finish in zip(tokens, finishes, strict=True))}


def seen(data: Any, work_of: Callable[[int], Work | None]) -> StepTokens:
    """Of what a step told elsewhere (see `StepTokens.sent`), what observers here are told."""
    prefill, decode, numbers, told, over = data
    works = [work_of(number) for number in numbers]
    for work in works:
        if work is not None and work.extra is None:
            work.extra = Seen(len(work.request.inputs[TOKENS]))
    for place, finishes in over:
        work = works[place]
        if work is not None:
            work.extra.finishes = finishes
    if None in works:  # they are over, and nobody counts what they got
        told = None if told is None else [count for count, work in zip(told, works, strict=True) if work is not None]
    return StepTokens(prefill, decode, [work for work in works if work is not None], told)
