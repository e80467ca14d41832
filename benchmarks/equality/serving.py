"""A server in this process with one model, and requests to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from jackfield import Request, Response, Server
from jackfield_plugins.generation.answer import Piece
from jackfield_plugins.generation.sampling.logprobs import Likelihood

MODEL = "m"
BEST = 5
"""How many of the likeliest tokens are asked for."""


class Answer:
    """One choice of an answer. `prompt`: what was said of the prompt's tokens, if that was asked for. `cached`: tokens
    of the prompt that the KV cache knew."""

    def __init__(self, piece: Piece, response: Response) -> None:
        self.tokens: list[int] = piece.tokens
        self.likelihoods: list[Likelihood] = piece.likelihoods or []
        self.prompt: list[Likelihood | None] = response.parameters.get("prompt_likelihoods") or []
        self.cached: int = response.parameters["usage"].cached


@asynccontextmanager
async def serving(
    source: Path, backend: Mapping[str, Any], batching: Mapping[str, Any] | None = None
) -> AsyncIterator[Server]:
    """A server that is ready, of the model at `source`; `backend` and `batching` are sections of its configuration."""
    model = {"source": str(source), "backend": dict(backend)}
    if batching:
        model["batching"] = {"policy": "continuous", **batching}
    async with Server({"models": {MODEL: model}, "endpoints": {}, "observers": {}}) as server:
        yield server


def request(prompt: Sequence[int], count: int, *, stream: bool = False, tenant: str = "", **more: Any) -> Request:
    """Greedy, `count` tokens whatever they are, with likelihoods; `more` are parameters."""
    parameters = {"max_tokens": count, "temperature": 0, "ignore_eos": True, "logprobs": BEST, **more}
    tokens = {"tokens": np.array(prompt, np.int32)}
    return Request(MODEL, tokens, parameters=parameters, stream=stream, tenant=tenant)


async def ask(server: Server, prompt: Sequence[int], count: int, **more: Any) -> list[Answer]:
    """All choices of the answer."""
    response: Response = await server.submit(request(prompt, count, **more)).future
    pieces: list[Piece] = response.parameters["pieces"]
    return [Answer(piece, response) for piece in sorted(pieces, key=_index)]


def state(server: Server) -> dict[str, float]:
    """What batching policy and executor say of themselves."""
    version = server.model(MODEL).version("")
    (policy,), (executor,) = version.policy_states.values(), version.executor_states.values()
    return {**policy, **executor}


def _index(piece: Piece) -> int:
    return piece.index
