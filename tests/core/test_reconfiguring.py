"""A server that goes on with another configuration."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jackfield.config import load
from jackfield.errors import ConfigError, InvalidRequest, NotFound, Overloaded, Unavailable, Unsupported
from jackfield.interfaces import Replica, ReplicaSpec
from jackfield.options import Options
from jackfield.server import Server
from jackfield.testing import ScriptedExecutor, make_request
from jackfield.testing.plain import InProcess, Together
from tests.core.lifecycle.fakes import configured, entered, in_loop, plugged, until
from tests.core.serving import forget_probing, served, statistics_of


@in_loop
async def test_a_model_is_changed_while_requests_wait_and_run() -> None:
    server, executor = served(batching={"policy": "dynamic", "max_batch_size": 8})
    async with server:
        forget_probing(executor)
        executor.gate.clear()
        tasks = [asyncio.ensure_future(server.infer("double", {"x": [[0, 0]]}))]
        await entered(executor)
        tasks += [asyncio.ensure_future(server.infer("double", {"x": [[n, n]] * 3})) for n in range(1, 5)]
        await until(lambda: statistics_of(server).accepted == 5)
        changes = {"batching": {"max_batch_size": 2}, "scheduler": {"max_queue": 4}, "timeout_s": 60}
        await server.reconfigure("double", changes)
        version = server.versions[0]
        assert (version.max_rows, version.config.timeout_s, server.config.models["double"]) == (2, 60, version.config)
        with pytest.raises(Overloaded, match="4 requests wait for model 'double', at most 4 may"):
            await server.infer("double", {"x": [[1, 1]]})
        with pytest.raises(InvalidRequest, match="batch-size must be <= 2"):
            await server.infer("double", {"x": [[1, 1]] * 3})
        executor.gate.set()
        for number, response in enumerate(await asyncio.gather(*tasks)):
            assert response.outputs["y"].tolist() == [[2.0 * number + 1] * 2] * (3 if number else 1)
        assert [len(run) for run in executor.runs] == [1, 3, 3, 3, 3], "what has more rows than a step runs alone"
        work = server.submit(make_request())
        assert work.deadline is not None
        await work.future
        assert statistics_of(server).completed == 6


@in_loop
async def test_a_change_that_is_wrong_changes_nothing() -> None:
    server, _ = served()
    async with server:
        before = server.config
        for changes in ({"batching": {"max_batch_size": 0}, "timeout_s": 1}, {"replicas": 2}, {"nonsense": 1}):
            with pytest.raises(ConfigError, match=r"^models\.double\."):
                await server.reconfigure("double", changes)
        with pytest.raises(NotFound):
            await server.reconfigure("triple", {})
        assert server.config is before
        assert (await server.infer("double", {"x": [[1, 1]]})).outputs["y"].tolist() == [[3.0, 3.0]]
    with pytest.raises(Unavailable, match="the server is stopping"):
        await server.reconfigure("double", {})


@in_loop
async def test_a_plugin_that_cannot_be_made_changes_nothing_in_any_replica() -> None:
    moods: list[bool] = []

    class Moody(Together):
        def __init__(self, options: Options) -> None:
            if moods and not moods.pop():
                raise OSError("not today")
            super().__init__(options)

    registry = plugged(ScriptedExecutor, batching={"moody": Moody})
    async with Server(configured(replicas=2, batching="moody"), registry=registry) as server:
        before = [replica.max_rows for replica in server.versions[0].replicas]
        moods += [False, True]  # the second replica's cannot be made
        with pytest.raises(ConfigError, match="batching 'moody' failed: OSError: not today"):
            await server.reconfigure("double", {"batching": {"max_batch_size": 3}, "timeout_s": 1})
        assert [replica.max_rows for replica in server.versions[0].replicas] == before
        assert server.versions[0].config.timeout_s is None
        await server.reconfigure("double", {"batching": {"max_batch_size": 3}})
        assert [replica.max_rows for replica in server.versions[0].replicas] == [3, 3]


@in_loop
async def test_a_replica_that_cannot_be_changed_says_so() -> None:
    class Fixed:
        def __init__(self, replica: Replica) -> None:
            self._replica = replica

        def __getattr__(self, name: str) -> Any:
            if name == "reconfigure":
                raise AttributeError(name)
            return getattr(self._replica, name)

    class Elsewhere(InProcess):
        def start(self, spec: ReplicaSpec) -> Replica:
            replica: Any = Fixed(super().start(spec))
            return replica  # type: ignore[no-any-return]

    registry = plugged(ScriptedExecutor, placement={"elsewhere": Elsewhere})
    async with Server(configured(placement="elsewhere"), registry=registry) as server:
        with pytest.raises(Unsupported, match="placement 'elsewhere' cannot change model 'double' while it runs"):
            await server.reconfigure("double", {"timeout_s": 1})
        assert server.config.models["double"].timeout_s is None


@in_loop
async def test_what_was_learned_stays_where_nothing_changes() -> None:
    server, _ = served()
    async with server:
        replica: Any = server.versions[0].replicas[0]
        planner = replica._engine._planner
        before = planner._policy, planner.queue._scheduler
        await server.reconfigure("double", {"timeout_s": 5})
        assert (planner._policy, planner.queue._scheduler) == before


@in_loop
async def test_a_new_configuration_is_taken_up_as_far_as_can_be() -> None:
    server, _ = served()
    async with server:
        same = await server.reload(server.config)
        assert (same.changed, same.restart, dict(same.failed)) == ((), (), {})
        data = configured(timeout_s=3)
        new = load({**data, "server": {"port": 1}}, server.registry)
        for changed in (("double",), ()):  # the second time only what needs a restart is left
            done = await server.reload(new)
            assert (done.changed, done.restart, dict(done.failed)) == (changed, ("server.port",), {})
        assert server.versions[0].config.timeout_s == 3


@in_loop
async def test_a_model_that_is_not_ready_is_not_changed_and_the_reload_says_so() -> None:
    server, _ = served()
    async with server:
        await server.versions[0].unload(0)
        done = await server.reload(load(configured(timeout_s=3), server.registry))
        assert (done.changed, dict(done.failed)) == ((), {"double": "model 'double' is not ready: it is unloaded"})
