"""A version: loading, serving, dying, unloading, and what it says of itself meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from jackfield.clock import MonotonicClock
from jackfield.config import load
from jackfield.config.models import ModelConfig
from jackfield.errors import ExecutionFailed, InvalidRequest, LoadError, Overloaded, Unavailable
from jackfield.interfaces import Artifact, Executor, Loader, Observer, Placement, Replica, ReplicaSpec
from jackfield.lifecycle.observers import Observers
from jackfield.lifecycle.state import VersionState
from jackfield.lifecycle.version import Version, first_failure
from jackfield.options import Options
from jackfield.plugins.registry import Registry
from jackfield.testing import Fault, ScriptedExecutor, make_request
from jackfield.types import Array
from jackfield.work import Response, Work
from tests.core.lifecycle.fakes import NOBODY, PATIENCE, configured, entered, in_loop, plugged, until


def _version(registry: Registry, observers: Observers = NOBODY, **model: Any) -> Version:
    config: ModelConfig = load(configured(**model), registry).models["double"]
    loop = asyncio.get_running_loop()

    def post(call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(call)

    return Version("double", config, registry, observers, MonotonicClock(), post)


async def _loaded(version: Version, executors: list[ScriptedExecutor]) -> None:
    """Load it, and forget how it was probed."""
    await version.load()
    assert version.ready, version.reason
    for executor in executors:
        executor.entered = threading.Semaphore(0)
        executor.runs.clear()


def _making(executors: list[ScriptedExecutor], **more: Any) -> Callable[[], Executor]:
    def make() -> Executor:
        executors.append(ScriptedExecutor(**more))
        return executors[-1]

    return make


def _ledger(version: Version) -> tuple[int, ...]:
    s = version.statistics
    return s.accepted, s.completed, s.failed, s.cancelled, s.expired


@in_loop
async def test_it_loads_serves_drains_and_unloads() -> None:
    executors: list[ScriptedExecutor] = []
    version = _version(plugged(_making(executors)))
    assert (version.state, version.ready) == (VersionState.LOADING, False)
    await version.load()
    assert (version.ready, version.platform, version.max_rows) == (True, "fake_fake", 32)
    response = await version.submit(make_request(2, value=4.0)).future
    assert response.outputs["y"].tolist() == [[9.0, 9.0]] * 2
    await version.unload(PATIENCE)
    assert (version.state, version.ready, executors[0].closes) == (VersionState.UNLOADED, False, 1)
    with pytest.raises(Unavailable, match="model 'double' is not ready: it is unloaded"):
        version.submit(make_request())
    await version.unload(PATIENCE)
    assert _ledger(version) == (1, 1, 0, 0, 0)
    assert version.statistics.refused == {"unavailable": 1}


@in_loop
async def test_it_is_warmed_up_with_the_sizes_that_its_policy_forms() -> None:
    executors: list[ScriptedExecutor] = []
    version = _version(plugged(_making(executors)), warm_up="auto", batching={"policy": "dynamic", "max_batch_size": 6})
    await version.load()
    sizes = [len(run) for run in executors[0].runs]
    assert sizes[-5:] == [1, 2, 4, 6, 1]
    await version.unload(0)


@in_loop
async def test_a_model_that_cannot_be_batched_takes_one_request_a_step() -> None:
    class Mixing(ScriptedExecutor):
        def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
            x = inputs["x"]
            return super().run({"x": x - x.mean(axis=0, keepdims=True)}, outputs)

    version = _version(plugged(Mixing, declared=False), warm_up="auto")
    await version.load()
    assert version.ready, version.reason
    assert (version.max_rows, version.signature.batched) == (1, False)
    works = [version.submit(make_request(3, value=float(n))) for n in range(4)]
    for response in await asyncio.gather(*(work.future for work in works)):
        assert response.outputs["y"].shape == (3, 2)
    assert version.statistics.steps == 4
    await version.unload(0)


class Broken(ScriptedExecutor):
    """Fails whenever it runs."""

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        raise RuntimeError("no kernel")


FAILURES: list[tuple[str, Callable[[], Executor], dict[str, Any], str]] = [
    ("warm-up", Broken, {"warm_up": "auto"}, "RuntimeError: no kernel"),
    ("open", lambda: 1 / 0, {}, "backend 'fake' failed: ZeroDivisionError: division by zero"),  # type: ignore[return-value,list-item]
    ("device", ScriptedExecutor, {"device": "cuda:7"}, "device 'cuda:7' cannot be had: backend 'fake' sees cpu, cpu:1"),
    ("axis", ScriptedExecutor, {"batch_axis": {"z": 0}}, "batch_axis names tensor 'z'"),
    ("source", ScriptedExecutor, {"source": "other:x"}, "no loader takes it"),
]


@pytest.mark.parametrize(("make", "model", "reason"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES])
@in_loop
async def test_a_failure_to_load_is_kept_with_its_reason(
    make: Callable[[], Executor], model: dict[str, Any], reason: str
) -> None:
    version = _version(plugged(make), **model)
    await version.load()
    assert version.state is VersionState.FAILED
    assert reason in version.reason
    assert not version.ready
    failure = first_failure([version])
    assert isinstance(failure, LoadError)
    assert str(failure) == f"model 'double' failed to load: {version.reason}"
    with pytest.raises(Unavailable, match="model 'double' failed to load"):
        version.submit(make_request())
    await version.unload(0)


@in_loop
async def test_what_was_opened_is_closed_when_warming_up_fails() -> None:
    executors: list[ScriptedExecutor] = []
    version = _version(plugged(_making(executors, always=Fault.RAISE)), warm_up="auto")
    await version.load()
    assert version.state is VersionState.FAILED
    assert executors[0].closes == 1


class Leaving(Loader):
    """Leaves the process when it is asked to load."""

    @classmethod
    def detects(cls, source: str) -> bool:
        return True

    def load(self, source: str) -> Artifact:
        raise SystemExit(3)


@in_loop
async def test_a_loader_cannot_end_the_process() -> None:
    version = _version(plugged(loader={"leaving": Leaving}))
    await version.load()
    assert version.state is VersionState.FAILED
    assert version.reason.endswith("raised SystemExit: 3")


class Refusing(Placement):
    """Cannot be made."""

    def __init__(self, options: Options) -> None:
        raise ValueError("no place")

    def start(self, spec: ReplicaSpec) -> Replica:
        raise NotImplementedError


@in_loop
async def test_a_placement_that_cannot_be_made_is_a_failure_to_load() -> None:
    version = _version(plugged(placement={"refusing": Refusing}), placement="refusing")
    await version.load()
    assert (version.state, version.reason) == (VersionState.FAILED, "ValueError: no place")


def test_a_load_that_hangs_is_given_up_and_holds_up_nobody() -> None:
    release, ended = threading.Event(), threading.Event()
    executors: list[ScriptedExecutor] = []

    def hang() -> Executor:
        release.wait()
        executors.append(Closing(ended))
        return executors[-1]

    async def loading() -> None:
        version = _version(plugged(hang), load_timeout_s=0.01)
        await version.load()
        assert (version.state, version.reason) == (VersionState.FAILED, "loading took longer than 0.01 s")

    asyncio.run(loading())  # ends although the thread hangs
    release.set()
    assert ended.wait(PATIENCE), "what was opened too late was never closed"


class Closing(ScriptedExecutor):
    """Says when it was closed."""

    def __init__(self, closed: threading.Event) -> None:
        super().__init__()
        self._closed = closed

    def close(self) -> None:
        super().close()
        self._closed.set()


@in_loop
async def test_a_worker_that_dies_is_not_ready_and_all_are_answered() -> None:
    executors: list[ScriptedExecutor] = []
    version = _version(plugged(_making(executors)))
    await _loaded(version, executors)
    executors[0].gate.clear()
    works = [version.submit(make_request(value=float(n))) for n in range(3)]
    await entered(executors[0])
    executors[0].always = Fault.UNAVAILABLE
    executors[0].gate.set()
    for outcome in await asyncio.gather(*(work.future for work in works), return_exceptions=True):
        assert isinstance(outcome, Unavailable)
    assert (version.ready, version.state) == (False, VersionState.FAILED)
    assert version.reason == "its worker is down: the device is gone"
    assert _ledger(version) == (3, 0, 3, 0, 0)
    with pytest.raises(Unavailable):
        version.submit(make_request())
    await version.unload(0)
    assert executors[0].closes == 1, "its memory was not given back"


@in_loop
async def test_a_step_that_hangs_is_noticed_by_a_look_at_readiness() -> None:
    executors: list[ScriptedExecutor] = []
    version = _version(plugged(_making(executors)), step_timeout_s=0.01)
    await _loaded(version, executors)
    executors[0].always = Fault.HANG
    work = version.submit(make_request())
    await until(lambda: not version.ready)
    with pytest.raises(Unavailable, match=r"a step has been running for more than 0\.01 s"):
        await work.future
    executors[0].release.set()
    await version.unload(0)


@in_loop
async def test_with_two_replicas_one_may_die_and_the_other_serves() -> None:
    executors: list[ScriptedExecutor] = []
    version = _version(plugged(_making(executors)), replicas=2, router="round-robin")
    await _loaded(version, executors)
    first = [version.submit(make_request(value=float(n))) for n in range(4)]
    await asyncio.gather(*(work.future for work in first))
    assert [len(executor.runs) > 0 for executor in executors] == [True, True]
    executors[0].always = Fault.UNAVAILABLE
    with pytest.raises(Unavailable):
        await version.submit(make_request()).future
    await until(lambda: not version.ready)
    assert version.state == "ready"  # what is left of it serves
    for number in range(4):
        work = version.submit(make_request(value=float(number)))
        assert isinstance(await work.future, Response)
        assert work.replica is version.replicas[1]
    executors[1].always = Fault.UNAVAILABLE
    with pytest.raises(Unavailable):
        await version.submit(make_request()).future
    assert str(version.state) == "failed"
    with pytest.raises(Unavailable):
        version.submit(make_request())
    await version.unload(0)
    assert [executor.closes for executor in executors] == [1, 1]


@in_loop
async def test_when_a_replica_fails_to_load_those_before_it_are_stopped() -> None:
    executors: list[ScriptedExecutor] = []

    def second_fails() -> Executor:
        if executors:
            raise LoadError("out of memory")
        return _making(executors)()

    version = _version(plugged(second_fails), replicas=2)
    await version.load()
    assert (version.state, version.reason, executors[0].closes) == (VersionState.FAILED, "out of memory", 1)


@in_loop
async def test_what_is_refused_is_counted_by_reason_and_told() -> None:
    told: list[tuple[str, str]] = []

    class Listener(Observer):
        def refused(self, model: str, reason: str) -> None:
            told.append((model, reason))

    executors: list[ScriptedExecutor] = []
    observers = Observers([("listener", Listener(Options(), None))])  # type: ignore[arg-type]
    version = _version(plugged(_making(executors)), observers, scheduler={"max_queue": 1})
    await _loaded(version, executors)
    with pytest.raises(InvalidRequest, match="batch-size must be <= 32"):
        version.submit(make_request(33))
    with pytest.raises(InvalidRequest, match="unexpected inference output 'z'"):
        version.submit(make_request(outputs=("z",)))
    with pytest.raises(InvalidRequest, match=r"timeout .* must be a number of seconds, got nan"):
        version.submit(make_request(timeout=float("nan")))
    executors[0].gate.clear()
    works = [version.submit(make_request())]
    await entered(executors[0])
    works.append(version.submit(make_request()))
    with pytest.raises(Overloaded):
        version.submit(make_request())
    executors[0].gate.set()
    await asyncio.gather(*(work.future for work in works))
    assert version.statistics.refused == {"invalid": 3, "shed": 1}
    assert told == [("double", "invalid")] * 3 + [("double", "shed")]
    await version.unload(0)


@in_loop
async def test_room_in_one_replica_is_enough_and_what_is_refused_is_counted() -> None:
    executors: list[ScriptedExecutor] = []
    version = _version(plugged(_making(executors)), replicas=2, scheduler={"max_queue": 1})
    with pytest.raises(Unavailable, match="model 'double' is not ready: it is loading"):
        version.check_room()
    await _loaded(version, executors)
    for executor in executors:
        executor.gate.clear()
    works = [version.submit(make_request()) for _ in executors]
    for executor in executors:
        await entered(executor)
    works.append(version.submit(make_request()))
    version.check_room(10**6)
    works.append(version.submit(make_request()))
    with pytest.raises(Overloaded, match="1 requests wait for model 'double', at most 1 may"):
        version.check_room()
    for executor in executors:
        executor.gate.set()
    await asyncio.gather(*(work.future for work in works))
    version.check_room()
    assert version.statistics.refused == {"unavailable": 1, "shed": 1}
    await version.unload(0)
    with pytest.raises(Unavailable, match="model 'double' is not ready: it is unloaded"):
        version.check_room()


@in_loop
async def test_deadlines_come_from_request_and_configuration() -> None:
    version = _version(plugged(), timeout_s=5, max_timeout_s=10)
    await version.load()

    def left(timeout: float | None) -> float | None:
        work = version.submit(make_request(timeout=timeout))
        return None if work.deadline is None else round(work.deadline - work.arrival, 6)

    assert [left(timeout) for timeout in (None, 2.0, 60.0, float("inf"))] == [5.0, 2.0, 10.0, 10.0]
    await version.unload(PATIENCE)


@in_loop
async def test_an_observer_that_raises_is_dropped_and_disturbs_nobody() -> None:
    calls: list[str] = []

    class Upset(Observer):
        def settled(self, event: Any) -> None:
            calls.append("settled")
            raise RuntimeError("too much")

        def accepted(self, model: str, version: str, work: Work) -> None:
            calls.append("accepted")

    observers = Observers([("upset", Upset(Options(), None))])  # type: ignore[arg-type]
    version = _version(plugged(), observers)
    await version.load()
    for _ in range(3):
        assert isinstance(await version.submit(make_request()).future, Response)
    assert calls == ["accepted", "settled", "accepted", "accepted"]
    await version.unload(0)


@in_loop
async def test_states_are_told_in_order() -> None:
    told: list[str] = []

    class Listener(Observer):
        def changed(self, model: str, version: str, state: str, reason: str) -> None:
            told.append(state)

    version = _version(plugged(), Observers([("x", Listener(Options(), None))]), warm_up="auto")  # type: ignore[arg-type]
    await version.load()
    await version.unload(0)
    assert told == ["loading", "warming", "ready", "draining", "unloaded"]


@in_loop
async def test_a_poisoned_request_fails_alone() -> None:
    version = _version(plugged(lambda: ScriptedExecutor(poison={7.0: Fault.FEW_ROWS})))
    await version.load()
    works = [version.submit(make_request(value=float(n))) for n in range(5, 10)]
    outcomes = await asyncio.gather(*(work.future for work in works), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Response, Response, ExecutionFailed, Response, Response]
    assert _ledger(version) == (5, 4, 1, 0, 0)
    await version.unload(0)
