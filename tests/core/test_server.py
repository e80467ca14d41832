"""The server without HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from jackfield.config import load
from jackfield.errors import (
    ConfigError,
    ExecutionFailed,
    Expired,
    InvalidRequest,
    LoadError,
    NotFound,
    Overloaded,
    Unavailable,
    Unsupported,
)
from jackfield.interfaces import Replica, ReplicaSpec, TensorExecutor
from jackfield.lifecycle.statistics import Statistics
from jackfield.options import Options
from jackfield.server import Server
from jackfield.testing import Fault, ScriptedExecutor, make_request
from jackfield.testing.plain import InProcess, Together
from jackfield.types import Array, Capabilities, Datatype, Signature, TensorSpec
from tests.core.lifecycle.fakes import configured, entered, in_loop, plugged, until


class Echo(TensorExecutor):
    """Gives back what it gets, of one datatype."""

    def __init__(self, datatype: Datatype) -> None:
        spec = TensorSpec("x", datatype, (-1,), batch_axis=0)
        super().__init__(Signature((spec,), (spec,)), Capabilities())

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        return {"x": inputs["x"].copy()}


def _server(executor: TensorExecutor | None = None, **model: Any) -> tuple[Server, Any]:
    one = executor if executor is not None else ScriptedExecutor()
    return Server(configured(**model), registry=plugged(lambda: one)), one


def _forget_probing(executor: ScriptedExecutor) -> None:
    executor.entered = threading.Semaphore(0)
    executor.runs.clear()


def _statistics(server: Server) -> Statistics:
    return server.versions[0].statistics


@in_loop
async def test_it_serves_while_it_is_entered() -> None:
    server, executor = _server()
    async with server:
        assert server.ready
        response = await server.infer("double", {"x": [[1, 2], [3, 4]]})
        assert response.outputs["y"].tolist() == [[3.0, 5.0], [7.0, 9.0]]
        assert response.outputs["y"].dtype == np.float32
    assert (server.ready, server.started, executor.closes) == (False, False, 1)
    with pytest.raises(Unavailable, match="the server is stopping"):
        await server.infer("double", {"x": [[1, 2]]})


@in_loop
async def test_one_that_was_not_started_says_so() -> None:
    server, _ = _server()
    for call in (server.infer("double", {"x": [[1, 2]]}), server.loaded()):
        with pytest.raises(Unavailable, match="was not started"):
            await call
    with pytest.raises(Unavailable, match="was not started"):
        server.submit(make_request())
    await server.stop()  # does nothing


@in_loop
async def test_it_starts_once() -> None:
    server, _ = _server()
    async with server:
        with pytest.raises(ConfigError, match="started before"):
            await server.start()


@in_loop
async def test_arrays_are_taken_as_they_are_and_lists_as_the_signature_says() -> None:
    server, _ = _server()
    async with server:
        for x in (np.ones((2, 3), np.float32), [[1.0] * 3] * 2, [[1] * 3] * 2, ((1, 1, 1), (1, 1, 1))):
            response = await server.infer("double", {"x": x})
            assert response.outputs["y"].tolist() == [[3.0] * 3] * 2


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((2, 3)), "expected datatype FP32, got FP64"),
        (np.ones((2, 3), np.int64), "expected datatype FP32, got INT64"),
        (np.ones(3, np.float32), r"unexpected shape .* Expected \[-1, -1\], got \[3\]"),
        ([[1.0], [2.0, 3.0]], "input 'x' is not a tensor"),
        ([["one"]], "input 'x' is not a tensor"),
        ({"a": 1}, "input 'x' is not a tensor"),
        (np.array([[None]]), "expected datatype FP32"),
    ],
)
@in_loop
async def test_what_does_not_fit_the_signature_is_refused(x: Any, message: str) -> None:
    server, _ = _server()
    async with server:
        with pytest.raises(InvalidRequest, match=message):
            await server.infer("double", {"x": x})
        assert _statistics(server).accepted == 0


@pytest.mark.parametrize(
    ("datatype", "given", "got"),
    [
        (Datatype.BYTES, [b"a\x00\x00", b"", b"\xff"], [b"a\x00\x00", b"", b"\xff"]),
        (Datatype.BYTES, ["grün", "a"], ["grün".encode(), b"a"]),
        (Datatype.BYTES, np.array([b"x\x00", b"y"], dtype=object), [b"x\x00", b"y"]),
        (Datatype.BYTES, np.array(["ab", "c"]), [b"ab", b"c"]),
        (Datatype.INT64, [1, -2], [1, -2]),
        (Datatype.INT8, [], []),
        (Datatype.UINT64, [2**64 - 1], [2**64 - 1]),
        (Datatype.BOOL, [True, False], [True, False]),
        (Datatype.FP16, [0.5, 2], [0.5, 2.0]),
    ],
)
@in_loop
async def test_lists_of_every_kind_arrive_unchanged(datatype: Datatype, given: Any, got: list[Any]) -> None:
    server, _ = _server(Echo(datatype))
    async with server:
        response = await server.infer("double", {"x": given})
        assert response.outputs["x"].tolist() == got


@pytest.mark.parametrize(
    ("datatype", "given"),
    [
        (Datatype.INT64, [1.5, 2.0]),
        (Datatype.INT8, [300]),
        (Datatype.UINT8, [-1]),
        (Datatype.BOOL, [0.5]),
        (Datatype.BYTES, [[b"a"], [b"b", b"c"]]),
        (Datatype.FP32, [b"a"]),
    ],
)
@in_loop
async def test_lists_that_would_change_on_the_way_are_refused(datatype: Datatype, given: Any) -> None:
    server, _ = _server(Echo(datatype))
    async with server:
        with pytest.raises(InvalidRequest):
            await server.infer("double", {"x": given})


@in_loop
async def test_unknown_names_are_not_found() -> None:
    server, _ = _server()
    async with server:
        with pytest.raises(NotFound, match="unknown model: 'tripel' is not found"):
            await server.infer("tripel", {})
        with pytest.raises(NotFound, match="'double' version '9' is not found; there is '1'"):
            await server.infer("double", {"x": [[1, 2]]}, version="9")
        with pytest.raises(InvalidRequest, match="unexpected inference input 'z'"):
            await server.infer("double", {"z": [[1, 2]]})
        with pytest.raises(InvalidRequest, match="unexpected inference output 'z'"):
            await server.infer("double", {"x": [[1, 2]]}, outputs=["z"])


@in_loop
async def test_a_name_with_line_breaks_is_one_short_line() -> None:
    server, _ = _server()
    async with server:
        with pytest.raises(NotFound) as error:
            await server.infer("a\r\nb" * 1000, {})
        assert len(str(error.value)) < 700
        assert str(error.value).splitlines() == [str(error.value)]


@in_loop
async def test_cancelling_the_task_withdraws_the_request() -> None:
    server, executor = _server()
    async with server:
        _forget_probing(executor)
        executor.gate.clear()
        running = asyncio.create_task(server.infer("double", {"x": [[1, 1]]}))
        await entered(executor)
        waiting = [asyncio.create_task(server.infer("double", {"x": [[n, n]]})) for n in (2, 3)]
        await until(lambda: _statistics(server).accepted == 3)
        for task in (running, waiting[0]):
            task.cancel()
        for task in (running, waiting[0]):
            with pytest.raises(asyncio.CancelledError):
                await task
        executor.gate.set()
        assert (await waiting[1]).outputs["y"].tolist() == [[7.0, 7.0]]
        assert [run[:, 0].tolist() for run in executor.runs] == [[1.0], [3.0]]
        counts = _statistics(server)
        assert (counts.accepted, counts.completed, counts.cancelled, counts.outstanding) == (3, 1, 2, 0)


@in_loop
async def test_a_request_can_be_withdrawn_by_hand() -> None:
    server, executor = _server()
    async with server:
        executor.gate.clear()
        work = server.submit(make_request())
        server.cancel(work)
        with pytest.raises(asyncio.CancelledError):
            await work.future
        executor.gate.set()


@in_loop
async def test_a_request_that_is_too_late_has_expired() -> None:
    server, _ = _server()
    async with server:
        with pytest.raises(Expired, match="Request timeout expired"):
            await server.infer("double", {"x": [[1, 2]]}, timeout=0)
        with pytest.raises(Expired):
            await server.infer("double", {"x": [[1, 2]]}, timeout=-5)
        assert _statistics(server).expired == 2


@pytest.mark.parametrize("priority", [-(10**9), -1, 0, 1, 8, 10**9])
@pytest.mark.parametrize("scheduler", ["fifo", "priority"])
@in_loop
async def test_any_priority_is_served(scheduler: str, priority: int) -> None:
    server, _ = _server(scheduler=scheduler)
    async with server:
        await server.infer("double", {"x": [[1, 2]]}, priority=priority)
        assert server.ready


@in_loop
async def test_a_request_of_no_rows_is_answered_at_once() -> None:
    server, _ = _server()
    async with server:
        response = await server.infer("double", {"x": np.ones((0, 2), np.float32)})
        assert response.outputs["y"].shape == (0, 2)


@in_loop
async def test_a_model_that_raises_fails_that_request_and_stays_ready() -> None:
    server, executor = _server()
    async with server:
        executor.poison = {9.0: Fault.RAISE}
        outcomes = await asyncio.gather(
            *(server.infer("double", {"x": [[n, n]]}) for n in (8, 9, 10)), return_exceptions=True
        )
        assert isinstance(outcomes[1], ExecutionFailed)
        assert str(outcomes[1]) == "the model raised RuntimeError: cannot run <path>"
        assert not isinstance(outcomes[0], BaseException)
        assert not isinstance(outcomes[2], BaseException)
        assert server.ready


@in_loop
async def test_stopping_answers_what_was_accepted() -> None:
    server, executor = _server()
    await server.start()
    await server.loaded()
    _forget_probing(executor)
    executor.gate.clear()
    tasks = [asyncio.create_task(server.infer("double", {"x": [[n, n]]})) for n in range(5)]
    await entered(executor)
    await until(lambda: _statistics(server).accepted == 5)
    stopping = asyncio.create_task(server.stop())
    await until(lambda: not server.started)
    with pytest.raises(Unavailable, match="stopping"):
        await server.infer("double", {"x": [[1, 1]]})
    executor.gate.set()
    answers = await asyncio.gather(*tasks)
    await stopping
    assert [answer.outputs["y"][0, 0] for answer in answers] == [1.0, 3.0, 5.0, 7.0, 9.0]
    assert _statistics(server).outstanding == 0


@in_loop
async def test_stopping_does_not_wait_for_ever() -> None:
    executor = ScriptedExecutor()
    config = configured() | {"server": {"drain_timeout_s": 0.01}}
    server = Server(config, registry=plugged(lambda: executor))
    async with server:
        _forget_probing(executor)
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
    server, executor = _server(step_timeout_s=0.01)
    async with server:
        _forget_probing(executor)
        executor.always = Fault.HANG
        with pytest.raises(Unavailable, match="a step has been running"):
            await server.infer("double", {"x": [[1, 1]]})
        assert not server.ready
        executor.release.set()


def test_two_servers_have_two_ledgers() -> None:
    async def both() -> None:
        (first, _), (second, _) = _server(), _server()
        async with first, second:
            await first.infer("double", {"x": [[1, 1]]})
            assert [_statistics(server).completed for server in (first, second)] == [1, 0]

    asyncio.run(both())


@in_loop
async def test_a_model_is_changed_while_requests_wait_and_run() -> None:
    server, executor = _server(batching={"policy": "dynamic", "max_batch_size": 8})
    async with server:
        _forget_probing(executor)
        executor.gate.clear()
        tasks = [asyncio.ensure_future(server.infer("double", {"x": [[0, 0]]}))]
        await entered(executor)
        tasks += [asyncio.ensure_future(server.infer("double", {"x": [[n, n]] * 3})) for n in range(1, 5)]
        await until(lambda: _statistics(server).accepted == 5)
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
        assert _statistics(server).completed == 6


@in_loop
async def test_a_change_that_is_wrong_changes_nothing() -> None:
    server, _ = _server()
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
    server, _ = _server()
    async with server:
        replica: Any = server.versions[0].replicas[0]
        planner = replica._engine._planner
        before = planner._policy, planner.queue._scheduler
        await server.reconfigure("double", {"timeout_s": 5})
        assert (planner._policy, planner.queue._scheduler) == before


@in_loop
async def test_a_new_configuration_is_taken_up_as_far_as_can_be() -> None:
    server, _ = _server()
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
    server, _ = _server()
    async with server:
        await server.versions[0].unload(0)
        done = await server.reload(load(configured(timeout_s=3), server.registry))
        assert (done.changed, dict(done.failed)) == ((), {"double": "model 'double' is not ready: it is unloaded"})
