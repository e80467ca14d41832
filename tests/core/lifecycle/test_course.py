"""What a version goes through: loading, serving, dying, unloading."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from jackfield.errors import LoadError, Unavailable
from jackfield.interfaces import Artifact, Executor, Loader, Observer, Placement, Replica, ReplicaSpec
from jackfield.lifecycle.observers import Observers
from jackfield.lifecycle.state import VersionState
from jackfield.lifecycle.version import first_failure
from jackfield.options import Options
from jackfield.testing import Fault, ScriptedExecutor, make_request
from jackfield.types import Array
from jackfield.work import Response
from tests.core.lifecycle.fakes import PATIENCE, entered, in_loop, plugged, until
from tests.core.lifecycle.versions import ledger, load_probed, making, version_of


@in_loop
async def test_it_loads_serves_drains_and_unloads() -> None:
    executors: list[ScriptedExecutor] = []
    version = version_of(plugged(making(executors)))
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
    assert ledger(version) == (1, 1, 0, 0, 0)
    assert version.statistics.refused == {"unavailable": 1}


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
    version = version_of(plugged(make), **model)
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
    version = version_of(plugged(making(executors, always=Fault.RAISE)), warm_up="auto")
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
    version = version_of(plugged(loader={"leaving": Leaving}))
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
    version = version_of(plugged(placement={"refusing": Refusing}), placement="refusing")
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
        version = version_of(plugged(hang), load_timeout_s=0.01)
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
    version = version_of(plugged(making(executors)))
    await load_probed(version, executors)
    executors[0].gate.clear()
    works = [version.submit(make_request(value=float(n))) for n in range(3)]
    await entered(executors[0])
    executors[0].always = Fault.UNAVAILABLE
    executors[0].gate.set()
    for outcome in await asyncio.gather(*(work.future for work in works), return_exceptions=True):
        assert isinstance(outcome, Unavailable)
    assert (version.ready, version.state) == (False, VersionState.FAILED)
    assert version.reason == "its worker is down: the device is gone"
    assert ledger(version) == (3, 0, 3, 0, 0)
    with pytest.raises(Unavailable):
        version.submit(make_request())
    await version.unload(0)
    assert executors[0].closes == 1, "its memory was not given back"


@in_loop
async def test_a_step_that_hangs_is_noticed_by_a_look_at_readiness() -> None:
    executors: list[ScriptedExecutor] = []
    version = version_of(plugged(making(executors)), step_timeout_s=0.01)
    await load_probed(version, executors)
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
    version = version_of(plugged(making(executors)), replicas=2, router="round-robin")
    await load_probed(version, executors)
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
        return making(executors)()

    version = version_of(plugged(second_fails), replicas=2)
    await version.load()
    assert (version.state, version.reason, executors[0].closes) == (VersionState.FAILED, "out of memory", 1)


@in_loop
async def test_states_are_told_in_order() -> None:
    told: list[str] = []

    class Listener(Observer):
        def changed(self, model: str, version: str, state: str, reason: str) -> None:
            told.append(state)

    version = version_of(plugged(), Observers([("x", Listener(Options(), None))]), warm_up="auto")  # type: ignore[arg-type]
    await version.load()
    await version.unload(0)
    assert told == ["loading", "warming", "ready", "draining", "unloaded"]
