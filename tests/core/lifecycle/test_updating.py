"""Versions come and go while requests are asked: nothing is lost, nobody hangs, and what fails leaves all as it was."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable
from typing import Any

import pytest

from jackfield.errors import ConfigError, JackfieldError, LoadError, NotFound, Unavailable
from jackfield.interfaces import Executor
from jackfield.lifecycle.state import VersionState
from jackfield.lifecycle.statistics import Statistics
from jackfield.server import Server
from jackfield.testing import ScriptedExecutor, ScriptedSequences, Stepwise, make_request
from jackfield.work import Outcome, Response, Step
from tests.core.lifecycle.fakes import PATIENCE, configured, entered, in_loop, plugged, until

MODEL = configured()["models"]["double"]


def _next(version: str, **more: Any) -> dict[str, Any]:
    return {**MODEL, "version": version, **more}


class Made:
    """Makes executors, and raises what it is told to instead, by their number; none before `gate` is set."""

    def __init__(self) -> None:
        self.all: list[ScriptedExecutor] = []
        self.faults: dict[int, Exception] = {}
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> Executor:
        assert self.gate.wait(PATIENCE)
        number = len(self.all)
        self.all.append(ScriptedExecutor())
        if number in self.faults:
            raise self.faults[number]
        return self.all[-1]


def _server(**model: Any) -> tuple[Server, Made]:
    made = Made()
    return Server(configured(**model), registry=plugged(made)), made


def _whole(server: Server, name: str = "double") -> Statistics:
    """The ledger over all versions that there ever were."""
    model, whole = server.models[name], Statistics()
    for counts in {id(one.statistics): one.statistics for one in model.shown}.values():
        whole.add(counts)
    whole.add(model.past)
    return whole


async def _asked(server: Server, version: str = "") -> list[float]:
    request = make_request(value=4.0)
    request.version = version
    response: Response = await server.submit(request).future
    assert response.outputs["y"].tolist() == [[9.0, 9.0]]
    return [9.0]


@in_loop
@pytest.mark.parametrize("name", ["1", "2"])
async def test_a_version_takes_the_place_of_another_which_answers_what_it_accepted(name: str) -> None:
    server, made = _server()
    async with server:
        old = made.all[0]
        old.entered = threading.Semaphore(0)
        old.gate.clear()
        held = server.submit(make_request(value=4.0))
        await entered(old)
        update = asyncio.create_task(server.load("double", _next(name, replicas=2)))
        await until(lambda: server.models["double"].leaving)
        await _asked(server)  # the new one takes it, while the device of the old one is at its step
        assert not held.future.done()
        assert [one.state for one in server.models["double"].all] == [VersionState.READY, VersionState.DRAINING]
        old.gate.set()
        version = await update
        assert (await held.future).outputs["y"].tolist() == [[9.0, 9.0]]
        assert (version.name, len(version.replicas), old.closes) == (name, 2, 1)
        assert [one.name for one in server.versions] == [name]
        whole = _whole(server)
        assert (whole.accepted, whole.completed) == (2, 2)
        assert server.config.models["double"] == version.config


@in_loop
async def test_versions_stand_side_by_side_and_are_asked_for_by_name() -> None:
    server, _ = _server()
    async with server:
        model = server.models["double"]
        await server.load("double", _next("2"), keep=["1"])
        await server.load("double", _next("0"), main=False)
        assert (list(model.versions), model.version().name) == (["1", "2", "0"], "2")
        for name in ("", "0", "1", "2"):
            await _asked(server, name)
        assert {one.name: one.statistics.completed for one in server.versions} == {"1": 1, "2": 2, "0": 1}
        await server.load("double", _next("3"), keep=["2", "0"])
        assert (list(model.versions), model.version().name) == (["2", "0", "3"], "3")
        with pytest.raises(NotFound, match="version '1' is not found; there is '2', '0', '3'"):
            await _asked(server, "1")
        await server.unload("double", "3")
        assert (list(model.versions), model.version().name) == (["2", "0"], "0")
        assert _whole(server).completed == 4


@in_loop
async def test_what_is_unloaded_is_shown_not_found_and_can_be_loaded_again() -> None:
    server, made = _server()
    async with server:
        await _asked(server)
        for _ in range(2):  # again is no error: it is as it ought to be
            await server.unload("double")
            await server.unload("double", "1")
        assert [(one.name, one.state) for one in server.versions] == [("1", VersionState.UNLOADED)]
        assert (server.ready, made.all[0].closes) == (True, 1)
        for version in ("", "1"):
            with pytest.raises(NotFound, match="it is not loaded"):
                await _asked(server, version)
        with pytest.raises(NotFound):
            await server.unload("double", "7")
        with pytest.raises(NotFound):
            await server.unload("other")
        await server.load("double")
        await _asked(server)
        assert _whole(server).completed == 2
        with pytest.raises(NotFound, match="no section"):
            await server.load("other")
        with pytest.raises(ConfigError, match=r"models\.double\.replicas"):
            await server.load("double", _next("2", replicas=0))


@in_loop
async def test_a_model_that_is_added_says_that_it_is_loading_and_if_it_fails_the_server_stays_ready() -> None:
    server, made = _server()
    made.faults[2] = RuntimeError("not again")
    async with server:
        new = await server.load("other", _next("5"))
        assert (await server.infer("other", {"x": [[1, 2]]}, version="5")).outputs["y"].tolist() == [[3, 5]]
        assert list(server.config.models) == ["double", "other"]
        await server.unload("other")
        with pytest.raises(LoadError, match="not again"):
            await server.load("third", _next("5"))
        assert server.ready
        with pytest.raises(Unavailable, match="not again"):
            await server.infer("third", {"x": [[1, 2]]})
        assert new.state is VersionState.UNLOADED


@in_loop
async def test_many_load_and_unload_the_same_model_at_once_under_traffic_and_nobody_hangs() -> None:
    server, made = _server()
    made.faults = {number: RuntimeError("no") for number in range(3, 200, 5)}
    stop = False
    outcomes: dict[str, int] = {}

    def count(what: str) -> None:
        outcomes[what] = outcomes.get(what, 0) + 1

    async def client() -> None:
        while not stop:
            try:
                await _asked(server)
            except (NotFound, Unavailable) as refusal:
                count(type(refusal).__name__)
                await asyncio.sleep(0)
            else:
                count("answered")

    async def admin(number: int) -> None:
        for turn in range(5):
            call = server.unload("double") if (number + turn) % 4 == 0 else server.load("double", _next(f"v{turn}"))
            try:
                await call
            except JackfieldError as error:
                count(str(error).partition("failed: ")[2])

    async with server:
        clients = [asyncio.create_task(client()) for _ in range(4)]
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(admin(number) for number in range(8)))
        made.faults.clear()
        await server.load("double", _next("last"))
        before = outcomes.get("answered", 0)
        await until(lambda: outcomes.get("answered", 0) > before)
        stop = True
        await asyncio.gather(*clients)
        whole = _whole(server)
        assert whole.accepted == whole.completed == outcomes["answered"]
        assert outcomes.keys() <= {"answered", "NotFound", "Unavailable", "RuntimeError: no"}
        model = server.models["double"]
        assert (list(model.versions), model.leaving, model.arriving) == (["last"], [], None)
        assert sum(one.runs != [] and not one.closes for one in made.all) == 1


@in_loop
async def test_an_update_goes_on_without_whoever_asked_for_it_and_ends_when_the_server_stops() -> None:
    server, made = _server()
    async with server:
        made.gate.clear()
        asked = asyncio.create_task(server.load("double", _next("2")))
        await until(lambda: server.models["double"].arriving)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        made.gate.set()
        await until(lambda: server.models["double"].version().name == "2")
        made.all[-1].gate.clear()
        held = server.submit(make_request())
        made.all[-1].entered = threading.Semaphore(0)
        last = asyncio.create_task(server.load("double", _next("3")))
        await until(lambda: [one.name for one in server.models["double"].leaving] == ["2"])
        stopping = asyncio.create_task(server.stop())
        with pytest.raises(Unavailable, match="stopping"):
            await last
        made.all[1].gate.set()
        await stopping
        await held.future
    assert [one.closes for one in made.all] == [1, 1, 1]
    with pytest.raises(Unavailable, match="stopping"):
        await server.load("double")


@in_loop
async def test_updates_leave_nothing_behind() -> None:
    server, made = _server()
    async with server:
        for number in range(20):
            await server.load("double", _next(f"v{number}"))
            await _asked(server)
            made.all[:] = [made.all[-1]]
        gone = weakref.ref(made.all.pop())
        before = weakref.ref(server.models["double"].version())
        await server.load("double", _next("last"))
        assert [one.name for one in server.versions] == ["last"]

        def forgotten() -> bool:
            gc.collect()  # the last thread that had to do with it may still be on its way out
            return gone() is None and before() is None

        await until(forgotten)
        assert _whole(server).completed == 20


@in_loop
async def test_a_version_that_fails_leaves_the_old_one_and_is_shown_with_its_reason() -> None:
    server, made = _server()
    async with server:
        for fault in range(1, 21):
            made.faults[fault] = RuntimeError(f"no {fault}")
            with pytest.raises(LoadError, match=f"version 'v{fault}' failed to load: .*no {fault}"):
                await server.load("double", _next(f"v{fault}"))
        await _asked(server)
        assert server.ready
        assert server.config.models["double"].version == "1"
        with pytest.raises(Unavailable, match="no 20"):
            server.models["double"].version("v20")
        shown = {one.name: one for one in server.versions}
        assert list(shown) == ["1", *(f"v{n}" for n in range(13, 21))], "the last failures are shown, and not all"
        assert shown["v20"].state is VersionState.FAILED
        assert "no 20" in shown["v20"].reason
        await server.load("double", _next("v20"))
        assert server.models["double"].version().name == "v20"
        assert "v20" not in server.models["double"].failed


@in_loop
async def test_in_place_the_old_one_goes_first_and_comes_back_if_the_new_one_fails() -> None:
    server, made = _server(update={"order": "in-place"})
    in_place = {"order": "in-place"}
    async with server:
        made.gate.clear()
        update = asyncio.create_task(server.load("double", _next("2", update=in_place)))
        await until(lambda: made.all[0].closes)
        with pytest.raises(Unavailable, match="model 'double' is not ready: it is") as refused:
            await _asked(server)
        assert refused.value.retry_after >= 1
        assert not server.ready
        made.gate.set()
        await update
        await _asked(server, "2")
        made.faults[2] = RuntimeError("no")
        with pytest.raises(LoadError, match=r"version '3' failed to load: .*RuntimeError: no"):
            await server.load("double", _next("3", update=in_place))
        await _asked(server)
        assert (server.ready, server.models["double"].version().name) == (True, "2")
        assert {one.name: one.state for one in server.versions} == {"2": "ready", "3": "failed"}
        assert server.config.models["double"].version == "2"
        await server.load("double", _next("4", update=in_place), keep=["2"])  # the one that stays serves meanwhile
        assert list(server.models["double"].versions) == ["2", "4"]
        assert _whole(server).completed == 2


@in_loop
async def test_in_place_a_model_that_is_gone_is_not_ready_until_it_is_loaded_or_unloaded() -> None:
    server, made = _server()
    in_place = {"order": "in-place"}
    async with server:
        model = server.models["double"]
        for again in (lambda: server.load("double", _next("3")), lambda: server.unload("double")):
            made.faults |= {len(made.all): RuntimeError("no"), len(made.all) + 1: RuntimeError("not again")}
            with pytest.raises(LoadError, match="not again"):
                await server.load("double", _next("2", update=in_place))
            assert (model.main, server.ready) == (None, False)
            await again()
            assert (server.ready, model.due) == (True, False)


@in_loop
@pytest.mark.parametrize("how", ["load", "unload", "reload"])
async def test_what_is_not_wanted_any_more_while_it_loads_does_not_go_on_trial(how: str) -> None:
    server, made = _server()
    async with server:
        model = server.models["double"]
        made.gate.clear()
        first = asyncio.create_task(server.load("double", _next("2", update={"canary": {}})))
        await until(lambda: model.arriving)
        coming = model.arriving
        assert coming is not None
        if how == "load":
            other = asyncio.create_task(_ended(server.load("double", _next("3"))))
            reason = "another update came"
        elif how == "unload":
            other = asyncio.create_task(_ended(server.unload("double", "2")))
            reason = "it was unloaded"
        else:
            other = asyncio.create_task(_ended(server.reload(server.config)))
            reason = "the configuration was changed"
        await until(lambda: coming.unwanted)
        made.gate.set()
        with pytest.raises(LoadError, match=f"failed to load: {reason}"):
            await first
        await other
        assert (model.version().name, model.arriving) == ("3" if how == "load" else "1", None)


async def _ended(call: Awaitable[object]) -> None:
    await call


@in_loop
async def test_a_device_that_cannot_be_asked_keeps_nothing_from_being_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    server, _ = _server()
    async with server:

        def broken() -> None:
            raise RuntimeError("no driver")

        monkeypatch.setattr(server.models["double"].version(), "memory", broken)
        await server.load("double", _next("2"))
        assert (server.models["double"].version().name, server.models["double"].arriving) == ("2", None)


@in_loop
async def test_without_the_memory_for_both_nothing_is_loaded_and_the_other_order_is_offered() -> None:
    server, made = _server()
    async with server:
        with pytest.raises(
            LoadError, match=r"takes about 4194304\.0 GiB and cpu has .* GiB free beside version '1'"
        ) as no:
            await server.load("double", _next("2", update={"memory_bytes": 2**52}))
        assert "`update: {order: in-place}`" in str(no.value)
        assert len(made.all) == 1
        await _asked(server)


class Gated(ScriptedSequences):
    """Makes one step, and no further one before `gate` is open."""

    def __init__(self, gate: threading.Event) -> None:
        super().__init__()
        self.gate = gate
        self.steps = 0

    def execute(self, step: Step) -> Outcome:
        self.steps += 1
        assert self.steps == 1 or self.gate.wait(PATIENCE)
        return super().execute(step)


@in_loop
async def test_a_stream_ends_on_the_version_that_began_it() -> None:
    made: list[Gated] = []

    def make() -> Executor:
        gate = threading.Event()
        if made:
            gate.set()  # only the first version is held
        made.append(Gated(gate))
        return made[-1]

    server = Server(configured(), registry=plugged(make, batching={"continuous": Stepwise}))
    async with server, server.stream(make_request(value=1.0, parameters={"tokens": 50})) as stream:
        first = await anext(stream)
        update = asyncio.create_task(server.load("double", _next("2")))
        await until(lambda: server.models["double"].version().name == "2")
        async with server.stream(make_request(value=5.0, parameters={"tokens": 2})) as other:
            assert [one.outputs["y"].item() for one in [piece async for piece in other]] == [10.0, 11.0]
        assert (other.work and other.work.version.name, update.done()) == ("2", False)
        made[0].gate.set()
        rest = [piece.outputs["y"].item() async for piece in stream]
        assert [first.outputs["y"].item(), *rest] == [2.0 + n for n in range(50)]
        assert (stream.work and stream.work.version.name, (await update).name) == ("1", "2")
        assert _whole(server).completed == 2
        await until(lambda: made[0].free == made[0].blocks)  # which an engine thread does after the last answer
