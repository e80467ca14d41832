"""Two thousand requests of all kinds to a whole server with the native step, and a pool that is too small for them."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jackfield import Response, Server, Work
from jackfield.errors import Expired, Overloaded
from tests.core.lifecycle.fakes import in_loop, until
from tests.plugins.generation.serving.checkpoint import artifact, request, tokens

REQUESTS = 2000
BLOCKS = 128


@dataclass
class Asked:
    """A request, and what its parameters were."""

    work: Work
    prompt: list[int]
    parameters: dict[str, Any]
    cancelled: bool = False


@pytest.mark.parametrize("arithmetic", ["float", "integer"])
@in_loop
async def test_nothing_is_lost_kept_or_starved(tmp_path: Path, arithmetic: str) -> None:
    draw = random.Random(arithmetic)
    source = artifact(tmp_path, quantised=True).source
    backend = {"name": "native", "arithmetic": arithmetic, "kv_cache_mib": 1, "max_sequences": 48}
    scheduler = {"policy": "priority", "max_queue": REQUESTS, "ageing_s": 0.2}
    config = {"source": source, "backend": backend, "scheduler": scheduler}
    asked: list[Asked] = []
    async with Server({"models": {"m": config}, "endpoints": {}, "observers": {}}) as server:
        version = server.versions[0]
        for number in range(REQUESTS):
            asked.append(_ask(server, draw, number))
            if draw.random() < 0.15:
                leaver = draw.choice(asked[-60:])
                leaver.cancelled = True
                server.cancel(leaver.work)
            if number % 20 == 19:
                await asyncio.sleep(draw.choice((0, 0, 0.002)))
        results = await asyncio.gather(*(one.work.future for one in asked), return_exceptions=True)
        await until(lambda: _state(server)["blocks_held"] == 0)
        counts = version.statistics
        assert counts.outstanding == 0
        assert counts.failed == 0
        assert counts.accepted == REQUESTS == counts.completed + counts.cancelled + counts.expired
        assert counts.completed > REQUESTS / 2
        assert counts.cancelled > 0
        state = _state(server)
        assert state["blocks"] == BLOCKS
        (policy,) = version.policy_states.values()
        assert policy["preemptions"] > 0, "the pool was not too small"
        assert (policy["running"], policy["paused"]) == (0, 0)
        for one, result in zip(asked, results, strict=True):
            _judge(one, result)
        assert max(one.work.extra.preemptions for one in asked) < 30, "a work was preempted again and again"
        for one, result in list(zip(asked, results, strict=True))[::40]:  # and the answers are right
            if isinstance(result, Response):
                alone = await server.submit(request(one.prompt, **one.parameters)).future
                assert _said(alone) == _said(result)
        await until(lambda: _state(server)["blocks_held"] == 0)


PREFIXES = [[(7 * k + size) % 300 + 2 for k in range(size)] for size in (16, 48, 100)]


def _ask(server: Server, draw: random.Random, number: int) -> Asked:
    prompt = draw.choice(PREFIXES) if draw.random() < 0.3 else []
    prompt = prompt + [draw.randrange(2, 300) for _ in range(draw.choice((1, 5, 16, 33, 90)))]
    parameters = {
        "max_tokens": draw.choice((1, 4, 12, 40)),
        "n": draw.choice((1, 1, 1, 1, 2, 3)),
        "temperature": draw.choice((0, 1)),
        "seed": number,
        "ignore_eos": True,
    }
    one = request(prompt, **parameters)
    one.priority = draw.randrange(9)
    one.tenant = f"tenant {number % 3}"
    one.timeout = draw.choice((0.01, 0.3)) if draw.random() < 0.05 else None
    try:
        work = server.submit(one)
    except Overloaded:  # it would be late, says admission; without a deadline there is room
        assert one.timeout is not None
        one.timeout = None
        work = server.submit(one)
    return Asked(work, prompt, parameters)


def _judge(one: Asked, result: Response | BaseException) -> None:
    """Each is answered as it should be, or for the reason that it has."""
    if isinstance(result, Response):
        pieces = result.parameters["pieces"]
        assert [len(piece.tokens) for piece in pieces] == [one.parameters["max_tokens"]] * one.parameters["n"]
        assert all(piece.finish == "length" for piece in pieces)
    elif isinstance(result, asyncio.CancelledError):
        assert one.cancelled
    else:
        assert isinstance(result, Expired), result
        assert one.work.deadline is not None


def _said(response: Response) -> list[list[int]]:
    assert tokens(response)
    return [piece.tokens for piece in response.parameters["pieces"]]


def _state(server: Server) -> dict[str, float]:
    (state,) = server.versions[0].executor_states.values()
    return dict(state)
