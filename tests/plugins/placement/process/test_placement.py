"""Replicas in processes: they answer as others do, and what dies costs nobody an answer."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from jackfield import Array, Server
from jackfield.errors import ExecutionFailed, Expired, InvalidRequest, LoadError, Unavailable
from jackfield_plugins.placement.process.messages import Configure
from tests.core.lifecycle.fakes import in_loop, until

MODELS = Path(__file__).with_name("models.py")
PLACE = {"name": "process"}


def _config(cls: str, **more: Any) -> dict[str, Any]:
    model = {"source": f"{MODELS}:{cls}", "placement": PLACE, "restarts": {"delay_s": 0.01}, **more}
    return {"models": {"m": model}}


@asynccontextmanager
async def _serving(cls: str = "Echo", **more: Any) -> AsyncIterator[Server]:
    async with Server(_config(cls, **more)) as server:
        yield server
        counts = server.versions[0].statistics
        assert counts.outstanding == 0
    assert not _children()


def _children() -> list[int]:
    """Worker processes of this one that run."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # this thread has ended meanwhile
            for pid in (task / "children").read_text().split():
                with suppress(OSError):  # or this process
                    if b"placement.process.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        found.append(int(pid))
    return found


def _x(first: float = 1, rows: int = 1) -> dict[str, Array]:
    x = np.zeros((rows, 4), np.float32)
    x[0, 0] = first
    return {"x": x}


async def _twice(server: Server, first: float = 1, rows: int = 1, **more: Any) -> None:
    inputs = _x(first, rows)
    response = await server.infer("m", inputs, **more)
    assert (next(iter(response.outputs.values())) == inputs["x"] * 2).all()


@in_loop
async def test_many_requests_of_all_sizes() -> None:
    async with _serving(replicas=2, batching={"max_batch_size": 100_000}) as server:
        assert len(_children()) == 2
        sizes = [1, 3, 700, 5000, 60_000]
        await asyncio.gather(*(_twice(server, first, sizes[first % 5]) for first in range(10, 60)))
        gc.collect()
        replicas: list[Any] = list(server.versions[0].replicas)
        await until(lambda: all(replica._engine._child.arena.taken == 0 for replica in replicas))
        assert all(replica.outstanding == 0 for replica in replicas)
        assert server.versions[0].statistics.completed == 50


@in_loop
async def test_errors_are_those_of_the_domain() -> None:
    async with _serving() as server:
        with pytest.raises(ExecutionFailed, match="not five"):
            await server.infer("m", _x(5))
        with pytest.raises(InvalidRequest, match="unexpected shape"):
            await server.infer("m", {"x": np.zeros((1, 5), np.float32)})
        await _twice(server)


@in_loop
async def test_a_deadline_and_a_client_that_leaves() -> None:
    async with _serving("Slow", batching={"policy": "none"}) as server:
        waiting = [asyncio.ensure_future(server.infer("m", _x())) for _ in range(6)]
        await asyncio.sleep(0)
        with pytest.raises(Expired):
            await server.infer("m", _x(), timeout=0.06)
        waiting[4].cancel()
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one).__name__ for one in done] == ["Response"] * 4 + ["CancelledError", "Response"]


@in_loop
async def test_who_kills_a_worker_once_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fuse = tmp_path / "fuse"
    fuse.touch()
    monkeypatch.setenv("FUSE", str(fuse))
    async with _serving(batching={"policy": "none"}) as server:
        await asyncio.gather(*(_twice(server, first) for first in (1, 2, 666, 3, 4)))
        assert not fuse.exists()
        assert server.ready
        assert len(_children()) == 1


@in_loop
async def test_who_kills_every_worker_is_refused_in_the_end() -> None:
    async with _serving(batching={"policy": "none"}) as server:
        with pytest.raises(Unavailable, match="its process was ended by SIGKILL"):
            await server.infer("m", _x(667))
        await until(lambda: server.ready)
        await _twice(server)
        counts = server.versions[0].statistics
        assert (counts.accepted, counts.completed, counts.failed) == (2, 1, 1)


@in_loop
async def test_what_must_not_run_twice_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fuse").touch()
    monkeypatch.setenv("FUSE", str(tmp_path / "fuse"))
    async with _serving(batching={"policy": "none"}, idempotent=False) as server:
        with pytest.raises(Unavailable, match="SIGKILL"):
            await server.infer("m", _x(666))
        await until(lambda: server.ready)
        await _twice(server)


@in_loop
async def test_too_many_deaths_are_final() -> None:
    async with _serving(restarts={"limit": 1, "delay_s": 0.01}) as server:
        for _ in range(2):
            for pid in _children():
                os.kill(pid, signal.SIGKILL)
            await until(lambda: not server.ready)
            await until(lambda: server.ready or server.versions[0].state == "failed")
        assert server.versions[0].state == "failed"
        with pytest.raises(Unavailable, match="SIGKILL"):
            await server.infer("m", _x())


def test_who_waits_for_a_replica_that_never_comes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fuse").touch()
    monkeypatch.setenv("FUSE", str(tmp_path / "fuse"))

    @in_loop
    async def run() -> None:
        async with _serving("Once", batching={"policy": "none"}, restarts={"limit": 2, "delay_s": 0.01}) as server:
            with pytest.raises(Unavailable, match="its worker is down"):
                await asyncio.wait_for(server.infer("m", _x(666)), 30)
            assert server.versions[0].state == "failed"

    run()


@pytest.mark.parametrize(
    ("number", "options", "step_timeout_s", "why"),
    [(777, {"silence_s": 0.5}, None, "no sign of life"), (888, {"memory_mib": 400}, 300, "MiB of memory")],
)
def test_a_worker_that_hangs_or_grows_is_replaced(
    number: int,
    options: dict[str, Any],
    why: str,
    step_timeout_s: float | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "fuse").touch()
    monkeypatch.setenv("FUSE", str(tmp_path / "fuse"))

    @in_loop
    async def run() -> None:
        more: dict[str, Any] = {"placement": {**PLACE, **options}, "step_timeout_s": step_timeout_s}
        async with _serving(batching={"policy": "none"}, **more) as server:
            before = _children()
            await asyncio.gather(_twice(server, number), _twice(server, 3))
            assert _children() != before
            version = server.versions[0]
            assert version.deaths >= 1
            await until(lambda: version.restarts == version.deaths)
            assert 0 < version.worker_states["m/1/0"]["memory"] < 400 * 2**20

    run()
    assert why in capsys.readouterr().out


@in_loop
async def test_a_model_that_cannot_be_opened_says_why_and_leaves_nothing() -> None:
    for cls, why in (("Broken", "no weights here"), ("Dies", "its process ended with status 3")):
        with pytest.raises(LoadError, match=why):
            async with Server(_config(cls)):
                pass
        assert not _children()


@in_loop
async def test_a_model_that_opens_for_too_long_goes_with_its_process() -> None:
    with pytest.raises(LoadError, match=r"loading took longer than 0\.5 s"):
        async with Server(_config("Endless", load_timeout_s=0.5)):
            pass
    await until(lambda: not _children())


@in_loop
async def test_it_is_reconfigured_while_it_runs() -> None:
    async with _serving("Slow", batching={"policy": "none"}) as server:
        await server.reconfigure("m", {"batching": {"policy": "dynamic", "max_batch_size": 8}})
        assert server.versions[0].max_rows == 8
        await asyncio.gather(*(server.infer("m", _x()) for _ in range(64)))
        assert max(server.versions[0].statistics.batches) > 1


@in_loop
async def test_a_worker_that_dies_while_it_is_drained_costs_nobody_an_answer() -> None:
    server = Server(_config("Slow", batching={"policy": "none"}))
    await server.start()
    await server.loaded()
    works = [asyncio.ensure_future(server.infer("m", _x(first))) for first in range(8)]
    await asyncio.sleep(0)
    stopping = asyncio.ensure_future(server.stop())
    await asyncio.sleep(0)
    for pid in _children():
        os.kill(pid, signal.SIGKILL)
    for first, response in enumerate(await asyncio.gather(*works)):
        assert (next(iter(response.outputs.values())) == _x(first)["x"] + 1).all()
    await stopping
    assert not _children()


@in_loop
async def test_what_a_worker_cannot_be_changed_to_costs_it_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    async with _serving() as server:
        (replica,) = server.versions[0].replicas
        engine: Any = replica
        engine._engine._link.send(msgspec.msgpack.encode(Configure({"batching": {"policy": "nothing"}})))
        await _twice(server)
        assert replica.alive
        assert server.versions[0].deaths == 0
    assert "what was changed cannot be taken here" in "".join(capfd.readouterr())


@in_loop
async def test_requests_that_wait_are_cancelled_when_it_stops() -> None:
    server = Server(_config("Slow", batching={"policy": "none"}) | {"server": {"drain_timeout_s": 0.1}})
    await server.start()
    await server.loaded()
    works = [asyncio.ensure_future(server.infer("m", _x())) for _ in range(40)]
    await asyncio.sleep(0)
    await server.stop()
    done = await asyncio.gather(*works, return_exceptions=True)
    assert {type(one).__name__ for one in done} <= {"Response", "Unavailable"}
    assert any(isinstance(one, Unavailable) for one in done)
    assert not _children()


@in_loop
async def test_a_worker_that_comes_back_before_all_is_loaded_makes_nothing_ready() -> None:
    async with Server({"models": {}}) as server:
        section = server.section("m", _config("Echo")["models"]["m"])
        version, checked = server._make("m", section, None), asyncio.Event()

        async def approve() -> None:
            await checked.wait()

        version.approve = approve
        loading = asyncio.create_task(version.load())
        await until(lambda: version.signature.outputs)
        (pid,) = _children()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: version.restarts)
        assert (version.state.value == "ready", version.ready) == (False, False)
        checked.set()
        await loading
        assert version.ready
        await version.unload(0)
    assert not _children()
