"""Generation on a whole server: its engine threads, its event loop, and clients that come and go."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric

import jackfield_plugins.generation
import jackfield_plugins.scheduling
from jackfield import Request, Response, Server
from jackfield.errors import InvalidRequest
from jackfield.testing import serving
from jackfield_plugins.generation.executor import GenerationExecutor
from jackfield_plugins.prometheus.families import families
from tests.core.lifecycle.fakes import in_loop, until
from tests.plugins.generation.decoders import HashDecoder, NumpyDecoder
from tests.plugins.generation.engine import Engine

PROMPT = [5, 9, 2, 40, 7]


def _request(prompt: list[int], stream: bool = False, **parameters: Any) -> Request:
    return Request(
        "m",
        {"tokens": np.array(prompt, np.int32)},
        parameters={"temperature": 0, **parameters},
        stream=stream,
    )


@asynccontextmanager
async def _serving(executor: GenerationExecutor, **model: Any) -> AsyncIterator[Server]:
    config = {"models": {"m": {"source": "scripted:m", **model}}}
    async with serving(
        config, [jackfield_plugins.generation, jackfield_plugins.scheduling], executor=lambda: executor
    ) as server:
        yield server


@in_loop
async def test_many_at_once_say_what_they_say_alone() -> None:
    prompts = [np.random.default_rng(n).integers(0, 61, 1 + 3 * n).tolist() for n in range(10)]
    expected = [Engine(NumpyDecoder(200)).run(prompt, max_tokens=12) for prompt in prompts]
    executor = GenerationExecutor(NumpyDecoder(60))
    async with _serving(executor) as server:

        async def read(prompt: list[int], stream: bool) -> list[int]:
            request = _request(prompt, max_tokens=12)
            if not stream:
                response: Response = await server.submit(request).future
                return response.outputs["tokens"].tolist()  # type: ignore[no-any-return]
            async with server.stream(request) as pieces:
                return [token async for one in pieces for piece in one.parameters["pieces"] for token in piece.tokens]

        got = await asyncio.gather(*(read(prompt, bool(n % 2)) for n, prompt in enumerate(prompts)))
        assert got == expected
        await until(lambda: executor.pool.free == executor.pool.count)
        assert server.versions[0].statistics.completed == len(prompts)


@in_loop
async def test_clients_that_leave_give_their_blocks_back() -> None:
    executor = GenerationExecutor(HashDecoder(1000))
    async with _serving(executor) as server:
        streams = [server.stream(_request([n, 2, 3], max_tokens=1000), buffer=2000) for n in range(8)]
        for stream in streams:
            await anext(stream)
        for stream in streams[:7]:
            stream.close()
        await until(lambda: executor.pool.count - executor.pool.free < 80)
        assert len([one async for one in streams[7]]) == 999
        await until(lambda: executor.pool.free == executor.pool.count)
        counts = server.versions[0].statistics
        assert (counts.cancelled, counts.completed, counts.outstanding) == (7, 1, 0)


@in_loop
async def test_a_prompt_that_is_far_too_long_is_refused_at_once() -> None:
    decoder = HashDecoder(1000)
    async with _serving(GenerationExecutor(decoder)) as server:
        warmed = decoder.runs
        with pytest.raises(
            InvalidRequest, match="has 100000 tokens, and must leave room for an answer in a context of"
        ):
            server.submit(_request([1] * 100_000))
        assert server.versions[0].statistics.refused == {"invalid": 1}
        assert decoder.runs == warmed


def generate_latest_of(server: Server) -> str:
    """The server's metrics as text."""
    registry = CollectorRegistry()

    class Now:
        def collect(self) -> Iterator[Metric]:
            return families(server, {}, 0, {})

    registry.register(Now())
    return generate_latest(registry).decode()


@in_loop
async def test_the_policy_is_the_one_that_generation_needs() -> None:
    async with _serving(GenerationExecutor(HashDecoder(100))) as server:
        await server.submit(_request(PROMPT, max_tokens=3)).future
        (state,) = server.versions[0].policy_states.values()
        assert "preemptions" in state
        (held,) = server.versions[0].executor_states.values()
        assert held["blocks"] == 100
        text = generate_latest_of(server)
        assert re.search(r'jackfield_executor_state\{.*name="blocks".*\} 100.0', text)
    async with _serving(
        GenerationExecutor(HashDecoder(100)),
        batching={"policy": "continuous", "max_sequences": 3},
        scheduler="priority",
    ) as server:
        assert server.versions[0].max_rows == 3
        await server.submit(_request(PROMPT, max_tokens=3)).future
