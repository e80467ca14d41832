"""Clients that leave, counted in steps of the engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.core.lifecycle.fakes import in_loop, until
from tests.plugins.openai.calling import Caller, served

MOST = 300
PROMPT: dict[str, Any] = {"prompt": "Hello"}
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}]}
WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
ROUTES = pytest.mark.parametrize(
    ("path", "body"), [("/v1/chat/completions", CHAT), ("/v1/completions", PROMPT)], ids=["chat", "completion"]
)


def _asked(body: dict[str, Any], stream: bool) -> dict[str, Any]:
    return {"model": "m", "temperature": 0, "ignore_eos": True, "max_tokens": MOST, "stream": stream, **body}


@asynccontextmanager
async def held(caller: Caller, runs: int) -> AsyncIterator[threading.Event]:
    """The decoder stops in the run after so many more, until the event is set or the block is left."""
    gate = threading.Event()
    caller.decoder.held = (caller.decoder.runs + runs, gate)
    try:
        yield gate
    finally:
        gate.set()


@WAYS
@ROUTES
@in_loop
async def test_who_leaves_is_in_no_step_more(path: str, body: dict[str, Any], stream: bool) -> None:
    async with served() as caller, held(caller, 20) as gate:
        decoder, pool, gone = caller.decoder, caller.executor.pool, asyncio.Event()
        last = decoder.runs + 21
        asked = asyncio.ensure_future(caller.ask("POST", path, _asked(body, stream), gone=gone))
        await until(lambda: decoder.runs == last)
        assert pool.free < pool.count
        gone.set()
        await asked
        assert caller.app.server.versions[0].statistics.outstanding == 0
        gate.set()
        await until(lambda: pool.free == pool.count)
        assert decoder.runs == last
        assert caller.app.server.versions[0].statistics.cancelled == 1


@WAYS
@ROUTES
@in_loop
async def test_who_leaves_while_waiting_is_in_no_step(path: str, body: dict[str, Any], stream: bool) -> None:
    async with served() as caller, held(caller, 20) as gate:
        decoder, pool, gone = caller.decoder, caller.executor.pool, asyncio.Event()
        statistics = caller.app.server.versions[0].statistics
        rows, last = decoder.rows, decoder.runs + 21
        stays = asyncio.ensure_future(caller.ask("POST", "/v1/completions", _asked(PROMPT, False)))
        await until(lambda: decoder.runs == last)
        goes = asyncio.ensure_future(caller.ask("POST", path, _asked(body, stream), gone=gone))
        await until(lambda: statistics.outstanding == 2)
        gone.set()
        await goes
        assert (statistics.outstanding, statistics.cancelled) == (1, 1)
        gate.set()
        usage = (await stays).json["usage"]
        await until(lambda: pool.free == pool.count)
        assert decoder.rows - rows == usage["prompt_tokens"] + MOST - 1
