"""Replicas on a Ray cluster: they answer as others do, and what dies costs nobody an answer."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jackfield import Request, Server
from jackfield.errors import ExecutionFailed, Expired, InvalidRequest, LoadError, Unavailable

sys.path.insert(0, str(Path(__file__).parent))
import decoder
from conftest import Nodes

MODELS = Path(__file__).with_name("models.py")
ALONE = {"policy": "none"}


def _model(nodes: Nodes, cls: str = "Double", placement: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    place = {"name": "ray", "address": nodes.address, "num_cpus": 0.5, "start_timeout_s": 90} | (placement or {})
    return {"source": f"{MODELS}:{cls}", "placement": place, "restarts": {"delay_s": 0.01, "limit": 99}} | more


@asynccontextmanager
async def _serving(**models: Any) -> AsyncIterator[Server]:
    async with Server({"models": models, "endpoints": {}, "observers": {"prometheus": {}}}) as server:
        yield server
        assert all(version.statistics.outstanding == 0 for version in server.versions)


async def _until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(100):
        while not true():
            await asyncio.sleep(0.005)


def _generated(server: Server) -> int:
    """Tokens of answers, as the metrics have them."""
    observer: Any = server.observers.all["prometheus"]
    return sum(series.generated_tokens for series in observer.generating.series.values())


async def _twice(server: Server, first: float = 1, rows: int = 1, name: str = "m") -> None:
    x = np.random.default_rng(rows).random((rows, 4)).astype(np.float32)
    x[0, 0] = first
    response = await server.infer(name, {"x": x})
    assert np.array_equal(next(iter(response.outputs.values())), x * 2)


def test_it_answers_as_others_do(nodes: Nodes, tmp_path: Path) -> None:
    shut = tmp_path / "shut"

    async def run() -> None:
        place = {"runtime_env": {"env_vars": {"FUSES": str(tmp_path)}}}
        slow = _model(nodes, "Slow", placement=place, batching=ALONE)
        async with _serving(m=_model(nodes, replicas=2, batching={"max_batch_size": 100_000}), slow=slow) as server:
            sizes = [1, 3, 700, 5000, 60_000]  # within the message, pickled beside it, in the object store
            await asyncio.gather(*(_twice(server, first, sizes[first % 5]) for first in range(10, 60)))
            with pytest.raises(ExecutionFailed, match="not five"):
                await _twice(server, 5)
            with pytest.raises(InvalidRequest, match="unexpected shape"):
                await server.infer("m", {"x": np.zeros((1, 5), np.float32)})
            shut.touch()  # so that none of what follows is answered before it is to be
            waiting = [asyncio.ensure_future(_twice(server, name="slow")) for _ in range(6)]
            await asyncio.sleep(0)
            late = asyncio.ensure_future(server.infer("slow", {"x": np.zeros((1, 4), np.float32)}, timeout=0.03))
            await _until(lambda: server.models["slow"].version("").statistics.accepted == 7)
            waiting[4].cancel()
            await asyncio.sleep(0.05)  # so that its time is over
            shut.unlink()
            with pytest.raises(Expired):
                await late
            done = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(one).__name__ for one in done] == ["NoneType"] * 4 + ["CancelledError", "NoneType"]
            await server.reconfigure("slow", {"batching": {"policy": "dynamic", "max_batch_size": 8}})
            await asyncio.gather(*(_twice(server, name="slow") for _ in range(64)))
            assert max(server.models["slow"].version("").statistics.batches) > 1

    asyncio.run(run())


def test_what_kills_or_stops_an_actor_costs_nobody_else_an_answer(nodes: Nodes, tmp_path: Path) -> None:
    for name in ("kill", "stop"):
        (tmp_path / name).touch()

    async def run() -> None:
        place = {"runtime_env": {"env_vars": {"FUSES": str(tmp_path)}}, "silence_s": 6}
        async with _serving(m=_model(nodes, placement=place, batching=ALONE)) as server:
            await asyncio.gather(*(_twice(server, first) for first in (1, 666, 2)))
            with pytest.raises(Unavailable, match="did not answer: "):
                await _twice(server, 667)
            await _until(lambda: server.ready)
            await asyncio.gather(*(_twice(server, first) for first in (3, 777, 4)))
            assert list(tmp_path.iterdir()) == []
            await _until(lambda: server.ready)

    asyncio.run(run())


def test_what_cannot_be_started_says_where_and_why(nodes: Nodes, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['jackfield'] = None\n")
    without = {"runtime_env": {"env_vars": {"PYTHONPATH": str(tmp_path)}}}
    cases: list[tuple[dict[str, Any], str]] = [
        (_model(nodes, "Broken"), r"no weights here.* \(on node 127.0.0.1 of the Ray cluster\)"),
        (_model(nodes, placement=without), "on node 127.0.0.1 of the Ray cluster: ModuleNotFoundError: .*jackfield"),
        (
            _model(nodes, placement={"resources": {"typewriter": 1}, "start_timeout_s": 1}),
            r"within 1 s: it takes CPU 0.5, typewriter 1, and free is CPU \d",
        ),
        (_model(nodes, placement={"address": "127.0.0.2:1"}), "a process has one Ray cluster: this one is in"),
    ]

    async def run() -> None:
        async with _serving(m=_model(nodes)):
            for model, why in cases:
                with pytest.raises(LoadError, match=why):
                    async with Server({"models": {"m": model}, "endpoints": {}, "observers": {}}):
                        pass

    asyncio.run(run())


def test_a_server_that_stops_waits_for_no_node(nodes: Nodes) -> None:
    async def run() -> None:
        place = {"resources": {"typewriter": 1}, "start_timeout_s": 3600}
        server = Server({"models": {"m": _model(nodes, placement=place)}, "endpoints": {}, "observers": {}})
        await server.start()
        await _until(lambda: any("loading" in thread.name for thread in threading.enumerate()))
        async with asyncio.timeout(60):
            await server.stop()

    asyncio.run(run())


def test_a_node_is_taken_away_under_load(nodes: Nodes, tmp_path: Path) -> None:
    """Nothing accepted is lost, every answer is right, and streams go on with the tokens that they would have had."""
    vocabulary = decoder.save(tmp_path)
    prompts = [np.random.default_rng(n).integers(2, vocabulary, 5 + 40 * n).astype(np.int32) for n in range(4)]
    sampling: list[dict[str, Any]] = [{"temperature": 0}, {"temperature": 0.9, "seed": 3, "top_p": 0.9}]
    room = {"num_cpus": 0.5, "start_timeout_s": 90}
    words = _model(nodes, placement=room | {"resources": {"words": 1}}, replicas=2)
    words |= {"source": str(tmp_path), "backend": {"name": "native", "kv_cache_mib": 16}}
    double = _model(nodes, "Slow", placement=room | {"resources": {"double": 1}}, replicas=2)
    double["batching"] = {"policy": "dynamic", "max_batch_size": 2000}
    heard, ended, continued, over = [0] * 4, [0] * 4, [0], asyncio.Event()

    async def read(server: Server, number: int) -> list[int]:
        parameters = {"max_tokens": 1500, "ignore_eos": True, **sampling[number % 2]}
        tokens: list[int] = []
        async with server.stream(Request("words", {"tokens": prompts[number]}, parameters=parameters)) as stream:
            async for response in stream:
                tokens += [token for piece in response.parameters["pieces"] for token in piece.tokens]
                heard[number] += 1
            mind = stream.work.continuation if stream.work is not None else None
            continued[0] += mind is not None and mind.request is not None
            ended[number] += 1
        return tokens

    async def reads(server: Server, number: int, undisturbed: list[int]) -> None:
        while not over.is_set():
            assert await read(server, number) == undisturbed

    async def asks(server: Server, client: int) -> None:
        rows = [1, 300, 1900][client % 3]
        while not over.is_set():
            await _twice(server, 1, rows, "double")

    async def lose(server: Server, busy: list[asyncio.Future[None]]) -> None:
        heard[:] = [0] * 4
        await _until(lambda: min(heard) > 20 or any(task.done() for task in busy))
        await asyncio.to_thread(nodes.take_away)
        await asyncio.to_thread(nodes.add)
        before = list(ended)
        await _until(
            lambda: all(now > one for now, one in zip(ended, before, strict=True)) or any(task.done() for task in busy)
        )
        await _until(lambda: server.ready and all(one.alive for each in server.versions for one in each.replicas))

    async def run() -> None:
        async with _serving(double=double, words=words) as server:
            undisturbed = await asyncio.gather(*(read(server, number) for number in range(4)))
            await _until(lambda: _generated(server) == sum(map(len, undisturbed)) == 4 * 1500)
            busy = [asyncio.ensure_future(reads(server, number, undisturbed[number])) for number in range(4)]
            busy += [asyncio.ensure_future(asks(server, client)) for client in range(12)]
            try:
                for _ in range(4):  # were this process held up, all streams might be over before the node is gone
                    await lose(server, busy)
                    if continued[0] or any(task.done() for task in busy):
                        break
            finally:
                over.set()
                await asyncio.gather(*busy)
            for version in server.versions:
                counts = version.statistics
                assert (counts.completed, counts.failed, counts.expired) == (counts.accepted, 0, 0)

    asyncio.run(run())
    assert continued[0]
