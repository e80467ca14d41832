"""What a SIGHUP leads to, without the signal; tests/e2e sends real ones."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, MutableMapping
from typing import Any

from structlog.testing import capture_logs

from jackfield.cli.reloading import Reloading
from jackfield.config import Config, load
from jackfield.errors import ConfigError
from jackfield.server import Server
from tests.core.lifecycle.fakes import configured, in_loop, plugged, until


async def _said(server: Server, read: Callable[[], Config] | None, times: int = 1) -> list[MutableMapping[str, Any]]:
    reloading = Reloading(server, read)
    with capture_logs() as lines:
        for _ in range(times):
            reloading.ask()
        await until(lambda: reloading._task is not None and reloading._task.done())
    return [line for line in lines if line["event"] != "model is reconfigured"]


@in_loop
async def test_without_a_file_there_is_nothing_to_reload() -> None:
    async with Server(configured(), registry=plugged()) as server:
        (line,) = await _said(server, None)
        assert line["event"].startswith("nothing to reload: the server was started with models")


@in_loop
async def test_a_faulty_configuration_is_told_line_by_line() -> None:
    def read() -> Config:
        raise ConfigError("c.yaml:1: a\nc.yaml:2: b")

    async with Server(configured(), registry=plugged()) as server:
        (line,) = await _said(server, read)
        assert (line["log_level"], line["problems"]) == ("error", ["c.yaml:1: a", "c.yaml:2: b"])


@in_loop
async def test_what_goes_wrong_otherwise_does_not_end_the_server() -> None:
    def read() -> Config:
        raise MemoryError

    async with Server(configured(), registry=plugged()) as server:
        (line,) = await _said(server, read)
        assert (line["event"], line["log_level"]) == ("not reloaded", "error")
        assert server.ready


@in_loop
async def test_many_at_once_are_done_by_one_more() -> None:
    reads: list[int] = []
    async with Server(configured(), registry=plugged()) as server:

        def read() -> Config:
            assert threading.current_thread() is not threading.main_thread()
            reads.append(len(reads))
            return load(configured(timeout_s=len(reads)), server.registry)

        lines = await _said(server, read, times=5)
        assert [line["changed"] for line in lines] == [["double"]]
        reloading = Reloading(server, read)
        reloading.ask()
        await asyncio.sleep(0)  # it has begun
        for _ in range(5):
            reloading.ask()
        await until(lambda: reloading._task is not None and reloading._task.done())
        assert (len(reads), server.versions[0].config.timeout_s) == (3, 3)


@in_loop
async def test_models_that_could_not_be_changed_and_what_needs_a_restart_are_told() -> None:
    async with Server(configured(), registry=plugged()) as server:
        new = load({**configured(timeout_s=3), "server": {"port": 1}}, server.registry)
        await server.versions[0].unload(0)
        failed, restart, done = await _said(server, lambda: new)
        assert (failed["model"], failed["reason"]) == ("double", "model 'double' is not ready: it is unloaded")
        assert (restart["event"], restart["path"]) == ("needs a restart", "server.port")
        assert (done["changed"], done["restart"], done["failed"]) == ([], 1, 1)
