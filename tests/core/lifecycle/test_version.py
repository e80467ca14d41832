"""A version: what it takes, refuses and tells."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from jackfield.errors import ExecutionFailed, InvalidRequest, Overloaded, Unavailable
from jackfield.interfaces import Observer
from jackfield.lifecycle.observers import Observers
from jackfield.options import Options
from jackfield.testing import Fault, ScriptedExecutor, make_request
from jackfield.types import Array
from jackfield.work import Response, Work
from tests.core.lifecycle.fakes import PATIENCE, entered, in_loop, plugged
from tests.core.lifecycle.versions import ledger, load_probed, making, version_of


@in_loop
async def test_it_is_warmed_up_with_the_sizes_that_its_policy_forms() -> None:
    executors: list[ScriptedExecutor] = []
    version = version_of(
        plugged(making(executors)), warm_up="auto", batching={"policy": "dynamic", "max_batch_size": 6}
    )
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

    version = version_of(plugged(Mixing, declared=False), warm_up="auto")
    await version.load()
    assert version.ready, version.reason
    assert (version.max_rows, version.signature.batched) == (1, False)
    works = [version.submit(make_request(3, value=float(n))) for n in range(4)]
    for response in await asyncio.gather(*(work.future for work in works)):
        assert response.outputs["y"].shape == (3, 2)
    assert version.statistics.steps == 4
    await version.unload(0)


@in_loop
async def test_what_is_refused_is_counted_by_reason_and_told() -> None:
    told: list[tuple[str, str]] = []

    class Listener(Observer):
        def refused(self, model: str, reason: str) -> None:
            told.append((model, reason))

    executors: list[ScriptedExecutor] = []
    observers = Observers([("listener", Listener(Options(), None))])  # type: ignore[arg-type]
    version = version_of(plugged(making(executors)), observers, scheduler={"max_queue": 1})
    await load_probed(version, executors)
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
    version = version_of(plugged(making(executors)), replicas=2, scheduler={"max_queue": 1})
    with pytest.raises(Unavailable, match="model 'double' is not ready: it is loading"):
        version.check_room()
    await load_probed(version, executors)
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
    version = version_of(plugged(), timeout_s=5, max_timeout_s=10)
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
    version = version_of(plugged(), observers)
    await version.load()
    for _ in range(3):
        assert isinstance(await version.submit(make_request()).future, Response)
    assert calls == ["accepted", "settled", "accepted", "accepted"]
    await version.unload(0)


@in_loop
async def test_a_poisoned_request_fails_alone() -> None:
    version = version_of(plugged(lambda: ScriptedExecutor(poison={7.0: Fault.FEW_ROWS})))
    await version.load()
    works = [version.submit(make_request(value=float(n))) for n in range(5, 10)]
    outcomes = await asyncio.gather(*(work.future for work in works), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Response, Response, ExecutionFailed, Response, Response]
    assert ledger(version) == (5, 4, 1, 0, 0)
    await version.unload(0)
