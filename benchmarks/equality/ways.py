"""Circumstances in which prompts are asked; none may change an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.equality.serving import Answer, ask, request, state
from jackfield import Server

Prompts = Sequence[Sequence[int]]
Answers = list[list[Answer]]
"""Of each prompt, each choice."""


@dataclass(frozen=True)
class Way:
    """`ask` gives the answers, and one sentence of proof that it was as it should be; raises RuntimeError if it was
    not. `tight`: there are hardly more
    KV blocks than the longest needs."""

    ask: Callable[[Server, Prompts, int], Awaitable[tuple[Answers, str]]]
    backend: Mapping[str, Any] = field(default_factory=dict)
    batching: Mapping[str, Any] = field(default_factory=dict)
    tight: bool = False


async def _alone(server: Server, prompts: Prompts, count: int) -> tuple[Answers, str]:
    return [await ask(server, prompt, count) for prompt in prompts], "one after the other"


async def _together(server: Server, prompts: Prompts, count: int) -> tuple[Answers, str]:
    return await _all(server, prompts, count), f"{len(prompts)} at once"


async def _echoed(server: Server, prompts: Prompts, count: int) -> tuple[Answers, str]:
    return await _all(server, prompts, count, echo=True), "with the likelihoods of the prompts' own tokens"


async def _again(server: Server, prompts: Prompts, count: int) -> tuple[Answers, str]:
    await _all(server, prompts, 1)
    answers = await _all(server, prompts, count)
    cached = sum(choices[0].cached for choices in answers)
    whole = sum((len(prompt) - 1) // 16 * 16 for prompt in prompts)
    return answers, _proved(cached, f"{cached} of {whole} tokens in whole blocks were known")


async def _preempted(server: Server, prompts: Prompts, count: int) -> tuple[Answers, str]:
    """The longest comes first: the short ones grow beside it, until the cache is full."""
    last, *answers = await _all(server, [prompts[-1], *prompts[:-1]], count)
    times = int(state(server)["preemptions"])
    return [*answers, last], _proved(times, f"{times} preemptions")


async def _beside_leavers(server: Server, prompts: Prompts, count: int) -> tuple[Answers, str]:
    """As many again begin a token's time before or after, sampled, and leave after 1, 2, 3 … tokens."""
    left = 0

    async def leaver(number: int) -> None:
        nonlocal left
        prompt = prompts[number - 1][: 40 + number]
        more: Mapping[str, Any] = {"temperature": 1.0, "seed": number, "n": 1 + number % 3}
        stream = server.stream(request(prompt, count, stream=True, **more), buffer=4 * count)
        for _ in range(number % (count // 2) + 1):
            await anext(stream, None)
        stream.close()
        left += 1

    leavers = [asyncio.create_task(leaver(number)) for number in range(len(prompts))]
    works = [server.submit(request(prompt, count)) for prompt in reversed(prompts)]  # gone before they run, some
    for work in works[::2]:
        server.cancel(work)
    answers = await _all(server, prompts, count)
    await asyncio.gather(*leavers)
    results = await asyncio.gather(*(work.future for work in works), return_exceptions=True)
    left += sum(isinstance(result, asyncio.CancelledError) for result in results)
    return answers, _proved(left, f"{left} neighbours left")


async def _four(server: Server, prompts: Prompts, count: int) -> tuple[Answers, str]:
    answers = await _all(server, prompts, count, n=4)
    return answers, _proved(all(len(choices) == 4 for choices in answers), "four choices each")


WAYS: dict[str, Way] = {
    "alone": Way(_alone, {"prefix_caching": False}),
    "together": Way(_together, {"prefix_caching": False}),
    "in chunks of 37": Way(_together, {"prefix_caching": False}, {"max_prefill_tokens": 37}),
    "prompts' likelihoods": Way(_echoed, {}, {"max_prefill_tokens": 23}),
    "known prefixes": Way(_again),
    "preempted": Way(_preempted, {}, {"reserve": 0}, tight=True),
    "neighbours leave": Way(_beside_leavers),
    "n = 4": Way(_four),
}


async def _all(server: Server, prompts: Prompts, count: int, **more: Any) -> Answers:
    return list(await asyncio.gather(*(ask(server, prompt, count, **more) for prompt in prompts)))


def _proved(something: object, sentence: str) -> str:
    if not something:
        raise RuntimeError(f"it was not as it should be: {sentence}")
    return sentence
