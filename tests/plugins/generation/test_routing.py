"""Prompts and what they cost on two real replicas: prefixes meet their cache, and none holds too much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jackfield import Array, Request, Server
from jackfield_plugins.generation.costing import cost_of
from jackfield_plugins.generation.parameters import Parameters
from tests.core.lifecycle.fakes import in_loop, until
from tests.plugins.generation import tiny

GROUPS, EACH, PREFIX = 10, 4, 64
PARAMETERS = {"max_tokens": 4, "ignore_eos": True, "temperature": 0}


@asynccontextmanager
async def _serving(folder: Path, router: Any, replicas: int = 2, **more: Any) -> AsyncIterator[Server]:
    tiny.save("llama-tied", folder)
    model = {"source": str(folder), "backend": {"name": "native", "kv_cache_mib": 8, "threads": 1}}
    async with Server({"models": {"m": model | {"replicas": replicas, "router": router} | more}}) as server:
        yield server


def _groups() -> list[list[Array]]:
    draw = np.random.default_rng(8)
    starts = [draw.integers(2, tiny.VOCABULARY, PREFIX) for _ in range(GROUPS)]
    tails = [[draw.integers(2, tiny.VOCABULARY, 9) for _ in range(EACH)] for _ in starts]
    return [
        [np.concatenate([start, tail]).astype(np.int32) for tail in own]
        for start, own in zip(starts, tails, strict=True)
    ]


async def _hits(folder: Path, router: str) -> list[float]:
    """Blocks that each replica found in its cache while all groups were asked in turn."""
    async with _serving(folder, router) as server:
        for turn in range(EACH):
            for group in _groups():
                await server.infer("m", {"tokens": group[turn]}, parameters=PARAMETERS)
        states = server.versions[0].executor_states.values()
        assert sum(state["prefix_lookups"] for state in states) == GROUPS * EACH * PREFIX // 16
        return [state["prefix_hits"] for state in states]


def test_prefixes_meet_their_cache(tmp_path: Path) -> None:
    blocks = PREFIX // 16
    hits = asyncio.run(_hits(tmp_path / "m", "prefix-affinity"))
    assert sum(hits) == GROUPS * (EACH - 1) * blocks, "all but the first of each group"
    assert min(hits) > 0, "both replicas take part"


@in_loop
async def test_a_prefix_that_all_ask_for_spreads_within_the_bound(tmp_path: Path) -> None:
    router = {"policy": "prefix-affinity", "bound": 1.25, "spare": 2}
    (group, *_) = _groups()
    async with _serving(tmp_path / "m", router) as server:
        replicas: list[Any] = list(server.versions[0].replicas)
        own = 73 + PARAMETERS["max_tokens"]
        works = []
        for number in range(60):  # nothing is settled meanwhile: that is the event loop's, which this holds
            works.append(server.submit(Request("m", {"tokens": group[number % EACH]}, parameters=dict(PARAMETERS))))
            costs = [replica.cost for replica in replicas]
            assert sum(costs) == own * (number + 1)
            assert max(costs) <= 1.25 * sum(costs) / 2 + 3 * own
        assert min(costs) >= own * 20
        await asyncio.gather(*(work.future for work in works))
        assert [replica.cost for replica in replicas] == [0, 0]
        assert server.versions[0].statistics.completed == 60


@pytest.mark.parametrize("placement", ["thread", "process"])
@in_loop
async def test_what_a_stream_has_told_costs_nothing_more(placement: str, tmp_path: Path) -> None:
    parameters = {"max_tokens": 100, "ignore_eos": True, "temperature": 0}
    async with _serving(tmp_path / "m", "least-loaded", 1, placement=placement) as server:
        replica: Any = server.versions[0].replicas[0]
        request = Request("m", {"tokens": np.arange(2, 52, dtype=np.int32)}, parameters=parameters)
        told = 0
        async with server.stream(request) as stream:
            assert replica.cost == 150
            async for response in stream:
                told += sum(len(piece.tokens) for piece in response.parameters["pieces"])
                assert 0 <= replica.cost <= 100 - told + (told == 100)
        await until(lambda: replica.cost == 0)
        assert told == 100


def test_what_is_foreseen() -> None:
    def cost(**parameters: Any) -> int:
        return cost_of(Request("m", {"tokens": np.zeros(10, np.int32)}, parameters=parameters))

    assert cost() == 266
    assert cost(max_tokens=20, n=3) == 70
    assert cost(max_tokens=10**6) == 522
    assert cost(max_tokens=20, given=(1, 2, 3)) == 30
    assert cost(sampling=Parameters(max_tokens=7, n=2)) == 24
    assert cost(sampling={"max_tokens": 7, "n": 2}) == 24
    for nonsense in ("x", -1, 10**30, [1], 1.5, None):
        assert cost(max_tokens=nonsense, n=nonsense, given=7) == 266
