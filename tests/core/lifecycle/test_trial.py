"""A new version must prove itself before it takes over: by known answers, by a share of the traffic, by comparison."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jackfield.clock import Clock
from jackfield.errors import ExecutionFailed, LoadError
from jackfield.interfaces import Executor
from jackfield.lifecycle.trial import CanaryTrial, ShadowTrial, Share, Window
from jackfield.server import Server
from jackfield.testing import Fault, ScriptedExecutor, make_request
from jackfield.types import Array
from jackfield.work import Response, State, Work
from tests.core.lifecycle.fakes import configured, in_loop, plugged, until

MODEL = configured(batching="none")["models"]["double"]
GOLDEN = {"inputs": {"x": [[1, 2]]}, "outputs": {"y": [[3, 5]]}}


class Off(ScriptedExecutor):
    """Its answers are off by a half."""

    def _outputs(self, x: Array) -> dict[str, Array]:
        return {"y": x * 2 + np.float32(1.5)}


class Clocked(Clock):
    """Time that a test sets."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        """The time, in seconds."""
        return self.time


class Made:
    """Makes what a test puts into `next`, in turn, and then plain executors."""

    def __init__(self, *following: ScriptedExecutor) -> None:
        self.next = [ScriptedExecutor(), *following]
        self.all: list[ScriptedExecutor] = []

    def __call__(self) -> Executor:
        self.all.append(self.next.pop(0) if self.next else ScriptedExecutor())
        return self.all[-1]


def _server(*following: ScriptedExecutor, clock: Clock | None = None) -> tuple[Server, Made]:
    made = Made(*following)
    return Server({**configured(), "models": {"double": MODEL}}, registry=plugged(made), clock=clock), made


def _next(**update: Any) -> dict[str, Any]:
    return {**MODEL, "version": "2", "update": update}


async def _asked(server: Server, value: float = 4.0) -> str:
    """The name of the version that answered."""
    work = server.submit(make_request(value=value))
    await work.future
    name: str = work.version.name
    return name


def test_a_share_is_right_to_within_one_of_any_number_in_a_row() -> None:
    for percent in (0.01, 1, 10, 33.3, 50, 99, 100):
        share = Share(percent)
        chosen = [share.next() for _ in range(20_000)]
        for count in (1, 7, 100, 20_000):
            assert abs(sum(chosen[:count]) - count * percent / 100) <= 1.0


def test_a_window_counts_and_knows_its_latency() -> None:
    def over(final: State, took: float) -> Work:
        work = Work(make_request(), 1, 1, None, 0.0, None, lambda work, result: None)
        work.final, work.finished = final, took
        return work

    window = Window()
    assert (window.over, window.errors(), window.latency()) == (0, 0.0, 0.0)
    for took in [0.01] * 96 + [9.0] * 4:
        window.saw(over(State.COMPLETED, took))
    for final in (State.FAILED, State.EXPIRED, State.CANCELLED):
        window.saw(over(final, 1.0))
    assert (window.completed, window.failed) == (100, 2)
    assert window.latency() == pytest.approx(0.01, rel=0.1)
    assert window.latency(0.99) == pytest.approx(9.0, rel=0.1)
    assert window.errors() == pytest.approx(100 * 2 / 102)
    assert window.errors(of=200) == 1.0


@in_loop
async def test_golden_requests_are_asked_before_it_is_ready(tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", np.array([[3, 5]], np.float32))
    filed = {**GOLDEN, "outputs": {"y": {"file": str(tmp_path / "y.npy")}}}
    server, made = _server(ScriptedExecutor(), Off(), Off(), ScriptedExecutor())
    async with server:
        await server.load("double", _next(golden=[GOLDEN, filed]))
        for golden, problem in (
            ([GOLDEN], r"golden request 1 of 1 is not answered as expected: output 'y' is off by up to 0\.5 "),
            ([{**GOLDEN, "atol": 0.6}, GOLDEN], "golden request 2 of 2"),
            ([{**GOLDEN, "inputs": {"z": [[1]]}}], "the model has no input 'z': it has 'x'"),
            ([{**GOLDEN, "inputs": {"x": [1]}}], "golden request 1 of 1: "),
            ([{**GOLDEN, "outputs": {"y": [3]}}], r"output 'y' has shape \[1, 2\], expected \[1\]"),
            ([{**GOLDEN, "outputs": {"y": "text"}}], "'y' is not a tensor of FP32"),
            ([{**GOLDEN, "outputs": {"y": {"file": str(tmp_path / "z.npy")}}}], "'y' is not a tensor of FP32"),
        ):
            with pytest.raises(LoadError, match=problem):
                await server.load("double", {**_next(golden=golden), "version": "3"})
            assert made.all[-1].closes == 1
        await _asked(server)
        version = server.models["double"].version()
        assert (version.name, version.statistics.accepted) == ("2", 1)
        assert (version.aside.accepted, version.aside.completed) == (2, 2)


@in_loop
async def test_a_canary_that_is_as_good_takes_over_and_until_then_gets_its_share() -> None:
    clock = Clocked()
    server, _ = _server(clock=clock)
    async with server:
        update = asyncio.create_task(server.load("double", _next(canary={"percent": 25, "min_requests": 10})))
        model = server.models["double"]
        await until(lambda: isinstance(model.trial, CanaryTrial))
        answered = [await _asked(server) for _ in range(80)]
        assert (answered.count("2"), answered[:8].count("2")) == (20, 2)
        named = make_request()
        named.version = "2"
        assert (await server.submit(named).future, model.version().name)[1] == "1"
        assert not update.done(), "it lasts as long as it must"
        clock.time = 61.0
        assert (await update).name == "2"
        assert {await _asked(server) for _ in range(8)} == {"2"}
        assert (model.past.accepted, model.past.completed) == (60, 60)


@in_loop
async def test_a_canary_that_fails_more_often_is_rolled_back_at_once() -> None:
    server, made = _server(ScriptedExecutor(poison={9.0: Fault.RAISE}))
    async with server:
        update = asyncio.create_task(
            server.load("double", _next(canary={"percent": 50, "min_requests": 20, "max_error_percent": 10}))
        )
        await until(lambda: server.models["double"].trial)
        failed = 0
        for _ in range(6):
            try:
                await _asked(server, 9.0)
            except ExecutionFailed:
                failed += 1
        assert failed == 3
        with pytest.raises(
            LoadError, match="canary: 3 of its 3 requests failed, and 0 of 3 of the old version's"
        ) as why:
            await update
        assert "at most 10 % may" in str(why.value)
        assert [await _asked(server, 9.0) for _ in range(4)] == ["1"] * 4
        shown = {one.name: one for one in server.versions}
        assert (shown["2"].state, made.all[1].closes) == ("failed", 1)
        assert "canary: 3 of its 3" in shown["2"].unready
        past = server.models["double"].past
        assert (past.accepted, past.failed) == (3, 3)


@in_loop
async def test_a_canary_that_is_slower_is_rolled_back() -> None:
    clock = Clocked()
    slow = ScriptedExecutor()
    server, made = _server(slow, clock=clock)
    async with server:
        update = asyncio.create_task(server.load("double", _next(canary={"percent": 50, "min_requests": 5})))
        await until(lambda: server.models["double"].trial)
        for _ in range(5):
            for executor in made.all:
                executor.entered = threading.Semaphore(0)
                executor.gate.clear()
            works = [server.submit(make_request()) for _ in range(2)]
            for executor, took in zip(made.all, (0.01, 0.02), strict=True):
                await asyncio.to_thread(executor.entered.acquire)
                clock.time += took
                executor.gate.set()
                name = str(1 + made.all.index(executor))
                await asyncio.gather(*(work.future for work in works if work.version.name == name))
        with pytest.raises(LoadError, match=r"95 % of its answers took up to .* ms, and .* ms with the old"):
            await update
        assert await _asked(server) == "1"


@in_loop
async def test_a_shadow_answers_nobody_and_takes_over_if_it_says_the_same() -> None:
    server, _ = _server()
    async with server:
        update = asyncio.create_task(server.load("double", _next(shadow={"percent": 50, "min_requests": 11})))
        trial: Any = None
        await until(lambda: server.models["double"].trial)
        trial = server.models["double"].trial
        assert isinstance(trial, ShadowTrial)
        new = trial.new
        for _ in range(22):
            assert await _asked(server) == "1"
        assert (await update).name == "2"
        assert (trial.compared, trial.different, new.statistics.accepted) == (11, 0, 0)
        assert (new.aside.accepted, new.aside.completed) == (11, 11)


@in_loop
async def test_a_shadow_that_says_otherwise_is_rolled_back_and_no_client_saw_it() -> None:
    server, _ = _server(Off())
    async with server:
        shadow = {"percent": 100, "min_requests": 100, "max_mismatch_percent": 1}
        update = asyncio.create_task(server.load("double", _next(shadow=shadow)))
        await until(lambda: server.models["double"].trial)
        for _ in range(4):
            response: Response = await server.submit(make_request(value=4.0)).future
            assert response.outputs["y"].tolist() == [[9.0, 9.0]]
        with pytest.raises(LoadError, match=r"[234] of [234] answers are not those of the old .*off by up to 0\.5"):
            await update
        assert await _asked(server) == "1"


@in_loop
async def test_a_shadow_that_is_behind_gets_no_more_and_nobody_waits_for_it() -> None:
    stuck = ScriptedExecutor()
    server, _ = _server(stuck)
    async with server:
        shadow = {"percent": 100, "min_requests": 3, "max_pending": 2}
        update = asyncio.create_task(server.load("double", _next(shadow=shadow)))
        await until(lambda: server.models["double"].trial)
        trial: Any = server.models["double"].trial
        stuck.gate.clear()
        for _ in range(6):
            assert await _asked(server) == "1"
        assert (trial.dropped, trial.compared) == (4, 0)
        stuck.gate.set()
        await until(lambda: trial.compared == 2)
        assert not update.done()
        await _asked(server)
        assert (await update).name == "2"


@in_loop
async def test_a_trial_ends_with_the_version_or_the_server() -> None:
    server, made = _server(ScriptedExecutor(always=Fault.UNAVAILABLE))
    trial: Mapping[str, Any] = {"canary": {"percent": 50}}
    async with server:
        made.all[0].always = None
        update = asyncio.create_task(server.load("double", {**_next(**trial), "batch_axis": 0}))
        await asyncio.gather(update, return_exceptions=True)
        assert "failed to load" in str(update.exception())
        last = asyncio.create_task(server.load("double", _next(**trial)))
        await until(lambda: server.models["double"].trial)
        await server.stop()
        with pytest.raises(Exception, match="stopping"):
            await last
    assert all(one.closes == 1 for one in made.all)


@in_loop
@pytest.mark.parametrize("how", ["canary", "shadow"])
async def test_a_trial_that_is_not_wanted_any_more_ends(how: str) -> None:
    server, _ = _server()
    update: Mapping[str, Any] = {how: {"percent": 50}}
    async with server:
        model = server.models["double"]
        for reason in ("it was unloaded", "the configuration was changed", "another update came"):
            trial = asyncio.create_task(server.load("double", _next(**update)))
            await until(lambda: model.trial)
            if reason == "it was unloaded":
                await server.unload("double", "2")
            elif reason == "the configuration was changed":
                assert (await server.reload(server.config)).rolled == ()
            else:
                await server.load("double", {**MODEL, "version": "3"})
            with pytest.raises(LoadError, match=f"{how}: {reason}"):
                await trial
            assert model.trial is None
        assert [await _asked(server) for _ in range(3)] == ["3"] * 3
