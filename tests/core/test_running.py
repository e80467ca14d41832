"""A server from its start to its end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from jackfield.errors import ConfigError, LoadError, Unavailable
from jackfield.server import Server
from jackfield.testing import Fault, ScriptedExecutor, make_request
from tests.core.lifecycle.fakes import configured, entered, in_loop, plugged, until
from tests.core.serving import forget_probing, served, statistics_of


@in_loop
async def test_one_that_was_not_started_says_so() -> None:
    server, _ = served()
    for call in (server.infer("double", {"x": [[1, 2]]}), server.loaded()):
        with pytest.raises(Unavailable, match="was not started"):
            await call
    with pytest.raises(Unavailable, match="was not started"):
        server.submit(make_request())
    await server.stop()  # does nothing


@in_loop
async def test_it_starts_once() -> None:
    server, _ = served()
    async with server:
        with pytest.raises(ConfigError, match="started before"):
            await server.start()


@in_loop
async def test_stopping_answers_what_was_accepted() -> None:
    server, executor = served()
    await server.start()
    await server.loaded()
    forget_probing(executor)
    executor.gate.clear()
    tasks = [asyncio.create_task(server.infer("double", {"x": [[n, n]]})) for n in range(5)]
    await entered(executor)
    await until(lambda: statistics_of(server).accepted == 5)
    stopping = asyncio.create_task(server.stop())
    await until(lambda: not server.started)
    with pytest.raises(Unavailable, match="stopping"):
        await server.infer("double", {"x": [[1, 1]]})
    executor.gate.set()
    answers = await asyncio.gather(*tasks)
    await stopping
    assert [answer.outputs["y"][0, 0] for answer in answers] == [1.0, 3.0, 5.0, 7.0, 9.0]
    assert statistics_of(server).outstanding == 0


@in_loop
async def test_stopping_does_not_wait_for_ever() -> None:
    executor = ScriptedExecutor()
    config = configured() | {"server": {"drain_timeout_s": 0.01}}
    server = Server(config, registry=plugged(lambda: executor))
    async with server:
        forget_probing(executor)
        executor.always = Fault.HANG
        task = asyncio.create_task(server.infer("double", {"x": [[1, 1]]}))
        await entered(executor)
    with pytest.raises(Unavailable, match="it was stopped before"):
        await task
    executor.release.set()


@in_loop
async def test_a_model_that_fails_to_load_stops_the_start() -> None:
    def fails() -> ScriptedExecutor:
        raise LoadError("there is no such file")

    server = Server(configured(), registry=plugged(fails))
    with pytest.raises(LoadError, match="model 'double' failed to load: there is no such file"):
        await server.__aenter__()
    assert not server.started


@in_loop
async def test_stopping_while_a_load_hangs_does_not_wait_for_it() -> None:
    release, began = threading.Event(), threading.Event()

    def hangs() -> ScriptedExecutor:
        began.set()
        release.wait()
        return ScriptedExecutor()

    server = Server(configured(), registry=plugged(hangs))
    await server.start()
    await until(began.is_set)
    await server.stop()
    assert [version.state for version in server.versions] == ["unloaded"]
    release.set()


@in_loop
async def test_a_worker_that_hangs_is_noticed_without_anybody_asking() -> None:
    server, executor = served(step_timeout_s=0.01)
    async with server:
        forget_probing(executor)
        executor.always = Fault.HANG
        with pytest.raises(Unavailable, match="a step has been running"):
            await server.infer("double", {"x": [[1, 1]]})
        assert not server.ready
        executor.release.set()
