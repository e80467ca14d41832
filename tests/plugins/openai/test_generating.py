from __future__ import annotations

import asyncio
from typing import Any

from tests.core.lifecycle.fakes import in_loop, until
from tests.plugins.openai.calling import served

TWO: dict[str, Any] = {"model": "m", "prompt": ["Hello", "world"], "ignore_eos": True}


@in_loop
async def test_if_one_prompt_fails_the_others_are_withdrawn() -> None:
    async with served() as caller:
        counts = caller.app.server.versions[0].statistics
        body = {**TWO, "max_tokens": 900, "prompt": [[70, 71], [5] * 10], "temperature": 0}
        caller.decoder.broken.add(5)
        answer = await caller.ask("POST", "/v1/completions", body)
        assert answer.status == 500
        await until(lambda: counts.outstanding == 0)
        assert (counts.failed, counts.cancelled) == (1, 1)
        await until(lambda: caller.executor.pool.free == caller.executor.pool.count)


@in_loop
async def test_all_prompts_are_accepted_or_none() -> None:
    async with served() as caller:
        counts = caller.app.server.versions[0].statistics
        for stream in (False, True):
            body = {**TWO, "stream": stream, "n": 64}  # more than share a step
            answer = await caller.ask("POST", "/v1/completions", body)
            assert (answer.status, answer.json["error"]["param"]) == (400, "n")
            await until(lambda: counts.outstanding == 0)


@in_loop
async def test_a_host_that_gives_up_withdraws_all() -> None:
    async with served() as caller:
        counts = caller.app.server.versions[0].statistics
        for stream in (False, True):
            before = counts.cancelled
            asked = asyncio.ensure_future(
                caller.ask("POST", "/v1/completions", {**TWO, "max_tokens": 900, "stream": stream})
            )
            await until(lambda: counts.outstanding == 2)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            await until(lambda: counts.outstanding == 0)
            assert counts.cancelled == before + 2
            await until(lambda: caller.executor.pool.free == caller.executor.pool.count)
