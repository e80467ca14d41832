"""Models that sleep until they are asked for: woken once for all, evicted when others need their memory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jackfield.clock import Clock
from jackfield.config.models import ModelConfig
from jackfield.errors import ConfigError, Expired, LoadError, NotFound, Overloaded, Unavailable
from jackfield.keys.caller import CALLER, Caller
from jackfield.keys.entries import KeyConfig
from jackfield.keys.hashing import hashed
from jackfield.server import Server
from jackfield.testing import VirtualClock
from jackfield.work import Request
from tests.core.lifecycle.fakes import in_loop, until
from tests.core.repository.files import Shop, asked, put


def _sleeping(shop: Shop, folder: Path, *numbers: int, clock: Clock | None = None, **more: Any) -> Server:
    """A server of models `m1`, `m2` and so on, each of 100 bytes, that sleep."""
    budget = more.pop("memory_budget", None)
    models = {}
    for number in numbers:
        source = put(folder / f"{number}.model", number)
        models[f"m{number}"] = {"source": str(source), "load": "on-demand", "memory": 100, **more}
    return shop.server(models, clock, memory_budget=budget)


@in_loop
async def test_many_first_requests_load_it_once_and_all_are_answered(tmp_path: Path) -> None:
    shop = Shop()
    async with _sleeping(shop, tmp_path, 1, 2) as server:
        assert server.ready
        assert list(server.sleeping) == ["m1", "m2"]
        assert not shop.loaded
        answers = await asyncio.gather(*(asked(server, "m1", x=n) for n in range(20)))
        assert answers == [n + 1 for n in range(20)]
        assert len(shop.loaded) == 1
        assert list(server.sleeping) == ["m2"]
        assert server.ready


@in_loop
async def test_the_least_recently_used_is_evicted_but_none_at_work(tmp_path: Path) -> None:
    shop = Shop()
    async with _sleeping(shop, tmp_path, 1, 2, 3, memory_budget="250 B") as server:
        for model in ("m1", "m2", "m1"):
            await asked(server, model)
        await asked(server, "m3")
        assert list(server.sleeping) == ["m2"]
        shop.running.clear()
        busy = [asyncio.ensure_future(asked(server, model, x=-1)) for model in ("m1", "m3")]
        counts = [server.models[model].version().statistics for model in ("m1", "m3")]
        await until(lambda: all(one.outstanding for one in counts))
        waiting = asyncio.ensure_future(asked(server, "m2"))
        await until(lambda: server.supply.on_demand.sleeping["m2"].waiting == 1)
        server.supply.look()
        await asyncio.sleep(0)
        assert list(server.sleeping) == ["m2"]  # all others are at work
        shop.running.set()
        assert await asyncio.gather(*busy) == [0, 2]
        assert await waiting == 2
        assert len(server.sleeping) == 1
        assert server.supply.on_demand.held == 200
        assert sum(one.evictions for one in server.supply.on_demand.all) == 2


@in_loop
async def test_two_that_do_not_fit_together_take_turns_and_nobody_is_lost(tmp_path: Path) -> None:
    shop = Shop()
    async with _sleeping(shop, tmp_path, 1, 2, memory_budget=150) as server:
        answers = await asyncio.gather(*(asked(server, f"m{1 + n % 2}") for n in range(40)))
        assert answers == [1 + n % 2 for n in range(40)]
        assert server.supply.on_demand.held == 100
        for n in range(6):
            assert await asked(server, f"m{1 + n % 2}") == 1 + n % 2


@in_loop
async def test_a_failure_is_told_to_all_and_it_is_not_tried_again_at_once(tmp_path: Path) -> None:
    shop, clock = Shop(), VirtualClock()
    server = _sleeping(shop, tmp_path, 1, clock=clock, on_demand={"retry_s": 10, "max_retry_s": 15})
    put(tmp_path / "1.model", "no number")
    async with server:
        for tries, wait in ((1, 10), (2, 15), (3, 15)):
            failed = await asyncio.gather(*(asked(server, "m1") for _ in range(5)), return_exceptions=True)
            for error in failed:
                assert isinstance(error, Unavailable)
                assert "failed to load" in str(error)
                assert error.retry_after == wait
            clock.advance(wait - 1)
            with pytest.raises(Unavailable, match="failed to load") as caught:
                await asked(server, "m1")
            assert caught.value.retry_after == 1
            assert len(shop.loaded) == tries
            assert server.ready
            clock.advance(1)
        put(tmp_path / "1.model", 1)
        assert await asked(server, "m1") == 1


@in_loop
async def test_those_that_wait_are_bounded_in_number_and_time(tmp_path: Path) -> None:
    shop = Shop()
    async with _sleeping(shop, tmp_path, 1, on_demand={"max_waiting": 2}) as server:
        shop.loading.clear()
        patient = asyncio.ensure_future(asked(server, "m1"))
        await until(lambda: shop.loaded)
        with pytest.raises(Expired, match="Request timeout expired while model 'm1' was loaded"):
            await asked(server, "m1", timeout=0.01)
        other = asyncio.ensure_future(asked(server, "m1"))
        await until(lambda: server.supply.on_demand.sleeping["m1"].waiting == 2)
        with pytest.raises(Overloaded, match="Exceeds maximum queue size"):
            await asked(server, "m1")
        shop.loading.set()
        assert (await patient, await other) == (1, 1)


@in_loop
async def test_the_time_of_waiting_counts_against_the_deadline(tmp_path: Path) -> None:
    shop, clock = Shop(), VirtualClock()
    async with _sleeping(shop, tmp_path, 1, clock=clock, timeout_s=30) as server:
        shop.loading.clear()
        request = Request("m1", {})
        waiting = asyncio.ensure_future(server.await_model(request))
        await until(lambda: shop.loaded)
        clock.advance(10)
        shop.loading.set()
        await waiting
        assert request.timeout == 20


@in_loop
async def test_requests_are_refused_where_they_are_not_to_wait(tmp_path: Path) -> None:
    shop = Shop()
    async with _sleeping(shop, tmp_path, 1, on_demand={"first_request": "refuse"}) as server:
        for _ in range(2):
            with pytest.raises(Unavailable, match="it is being loaded") as caught:
                await asked(server, "m1")
            assert caught.value.retry_after >= 1
        await until(lambda: not server.sleeping)
        assert await asked(server, "m1") == 1
        assert len(shop.loaded) == 1


@in_loop
async def test_whoever_cannot_wait_is_told_to_come_again(tmp_path: Path) -> None:
    async with _sleeping(Shop(), tmp_path, 1, 2) as server:
        with pytest.raises(Unavailable, match="it is being loaded"):
            server.submit(Request("m1", {}))
        with pytest.raises(Unavailable, match="it is being loaded"):
            server.stream(Request("m2", {}))
        await until(lambda: not server.sleeping)
        assert await asked(server, "m1") == 1


@in_loop
async def test_what_is_larger_than_the_budget_cannot_be_loaded(tmp_path: Path) -> None:
    async with _sleeping(Shop(), tmp_path, 1, memory_budget=99) as server:
        with pytest.raises(Unavailable, match=r"takes 100 bytes of memory, and `server\.memory_budget` is 99"):
            await asked(server, "m1")
        with pytest.raises(LoadError, match="takes 100 bytes"):
            await server.load("m1")


@in_loop
async def test_memory_is_what_the_files_take_for_each_replica_where_nothing_is_declared(tmp_path: Path) -> None:
    put(tmp_path / "r" / "1" / "a.model", "1.00000")
    put(tmp_path / "r" / "2" / "a.model", "2.0")
    put(tmp_path / "f.model", "3.0")
    put(tmp_path / "f.model.data", "weights")
    models = {
        "r": {"source": str(tmp_path / "r"), "load": "on-demand", "versions": "all"},
        "f": {"source": str(tmp_path / "f.model"), "load": "on-demand", "replicas": 2},
    }
    async with Shop().server(models, memory_budget="1 KiB") as server:
        assert await asked(server, "r") == 2
        assert server.supply.on_demand.held == 10
        assert await asked(server, "r", "1") == 1
        assert await asked(server, "f") == 3
        assert server.supply.on_demand.held == 30


@in_loop
async def test_loading_and_unloading_on_request(tmp_path: Path) -> None:
    shop = Shop()
    async with _sleeping(shop, tmp_path, 1) as server:
        assert (await server.load("m1")).ready
        assert not server.sleeping
        await server.load("m1", server.section("m1", {"batch_axis": 0}, server.config.models["m1"]))
        assert len(shop.loaded) == 2
        await server.unload("m1")
        assert list(server.sleeping) == ["m1"]
        assert server.supply.on_demand.held == 0
        assert [(row.name, row.version and str(row.version.state)) for row in server.listed()] == [("1", "unloaded")]
        assert await asked(server, "m1") == 1
        assert server.models["m1"].version().config.batch_axis == 0
        await server.unload("m1")
        await server.unload("m1")


@in_loop
async def test_a_repository_wakes_with_what_can_be_loaded_of_it(tmp_path: Path) -> None:
    put(tmp_path / "1" / "a.model", 1)
    put(tmp_path / "2" / "a.model", "no number")
    async with Shop().server({"m": {"source": str(tmp_path), "load": "on-demand"}}) as server:
        assert await asked(server) == 1
        assert not server.sleeping
        with pytest.raises(LoadError, match="version '2' failed to load"):
            await server.load("m")
        assert await asked(server) == 1


@in_loop
async def test_a_section_that_changes_while_the_model_wakes_holds(tmp_path: Path) -> None:
    shop = Shop()
    async with _sleeping(shop, tmp_path, 1) as server:
        shop.loading.clear()
        waiting = asyncio.ensure_future(asked(server, "m1"))
        await until(lambda: shop.loaded)
        section = server.section("m1", {"batch_axis": 0}, server.config.models["m1"])
        config = server.config.model_copy(update={"models": {"m1": section}})
        shelves, taken = server.supply.shelves, list[str]()
        take = shelves.take

        async def told(name: str, section: ModelConfig) -> bool:
            of_repository = await take(name, section)
            taken.append(name)
            return of_repository

        shelves.take = told  # type: ignore[method-assign]
        reloading = asyncio.ensure_future(server.reload(config))
        await until(lambda: taken)
        shop.loading.set()
        assert (await reloading).rolled == ("m1",)
        assert await waiting == 1
        assert await asked(server, "m1") == 1
        assert server.models["m1"].version().config.batch_axis == 0


@in_loop
async def test_the_last_version_that_is_unloaded_puts_the_model_to_sleep(tmp_path: Path) -> None:
    put(tmp_path / "r" / "3" / "a.model", 3)
    async with _sleeping(Shop(), tmp_path, 1) as server:
        await server.load("r", {"source": str(tmp_path / "r"), "load": "on-demand"})
        assert await asked(server, "m1") == 1
        await server.load("m1", {"source": str(put(tmp_path / "7.model", 7)), "version": "side"}, main=False)
        await server.unload("m1", "side")
        assert not server.sleeping
        for model, version in (("m1", "1"), ("r", "3")):
            await server.unload(model, version)
            assert list(server.sleeping) == [model]
            assert await asked(server, model) == int(version)  # its own section, and not that of the other version


@pytest.mark.parametrize("awake", [True, False])
@in_loop
async def test_a_change_that_fails_leaves_it_on_demand(tmp_path: Path, awake: bool) -> None:
    async with _sleeping(Shop(), tmp_path, 1) as server:
        if awake:
            await asked(server, "m1")
        put(tmp_path / "1.model", "no number")
        with pytest.raises(LoadError):
            await server.load("m1", server.section("m1", {"load": "at-start"}, server.config.models["m1"]))
        assert list(server.sleeping) == ([] if awake else ["m1"])
        assert server.supply.on_demand.held == (100 if awake else 0)
        put(tmp_path / "1.model", 1)
        assert await asked(server, "m1") == 1
        await server.unload("m1")
        assert list(server.sleeping) == ["m1"]


@in_loop
async def test_one_that_made_room_for_what_failed_sleeps(tmp_path: Path) -> None:
    async with _sleeping(Shop(), tmp_path, 1, update={"order": "in-place"}) as server:
        assert await asked(server, "m1") == 1
        put(tmp_path / "1.model", "no number")
        with pytest.raises(LoadError):
            await server.load("m1", server.section("m1", {"batch_axis": 0}, server.config.models["m1"]))
        assert (list(server.sleeping), server.supply.on_demand.held, server.ready) == (["m1"], 0, True)
        put(tmp_path / "1.model", 1)
        assert await asked(server, "m1") == 1


@in_loop
async def test_a_change_that_fails_leaves_no_sleeper(tmp_path: Path) -> None:
    async with _sleeping(Shop(), tmp_path, 1, load="at-start") as server:
        await server.unload("m1")
        put(tmp_path / "1.model", "no number")
        with pytest.raises(LoadError):
            await server.load("m1", server.section("m1", {"load": "on-demand"}, server.config.models["m1"]))
        put(tmp_path / "1.model", 1)
        assert not server.sleeping
        with pytest.raises(Unavailable, match="failed to load"):
            await asked(server, "m1")
        await server.load("m1")
        assert await asked(server, "m1") == 1


@in_loop
async def test_a_new_configuration_puts_models_to_sleep_and_takes_them_away(tmp_path: Path) -> None:
    shop = Shop()
    async with _sleeping(shop, tmp_path, 1, 2) as server:
        sections = dict(server.config.models)
        new = server.section("m3", {"source": str(put(tmp_path / "3.model", 3)), "load": "on-demand"})
        changed = server.section("m2", {"batch_axis": 0}, sections["m2"])
        config = server.config.model_copy(update={"models": {"m2": changed, "m3": new}})
        done = await server.reload(config)
        assert (done.loaded, done.rolled, done.unloaded, done.failed) == (("m3",), ("m2",), ("m1",), {})
        assert list(server.sleeping) == ["m2", "m3"]
        assert not shop.loaded
        assert (await asked(server, "m2"), await asked(server, "m3")) == (2, 3)
        assert server.models["m2"].version().config.batch_axis == 0
        awake = server.section("m3", {"load": "at-start"}, new)
        await server.reload(server.config.model_copy(update={"models": {"m2": changed, "m3": awake}}))
        assert server.supply.on_demand.held == 100
        asleep = server.section("m3", {"load": "on-demand", "memory": 7}, new)
        await server.reload(server.config.model_copy(update={"models": {"m2": changed, "m3": asleep}}))
        assert server.supply.on_demand.held == 107


@in_loop
async def test_a_server_that_stops_tells_those_that_wait(tmp_path: Path) -> None:
    shop = Shop()
    server = _sleeping(shop, tmp_path, 1)
    await server.start()
    shop.loading.clear()
    waiting = asyncio.ensure_future(asked(server, "m1"))
    await until(lambda: shop.loaded)
    stopping = asyncio.ensure_future(server.stop())
    with pytest.raises(Unavailable):
        await waiting
    shop.loading.set()
    await stopping


@in_loop
async def test_a_key_that_may_not_use_a_model_neither_wakes_nor_sees_it(tmp_path: Path) -> None:
    shop = Shop()
    async with _sleeping(shop, tmp_path, 1, 2) as server:
        entry = KeyConfig.model_validate({"hash": hashed("jf-any"), "models": ["m2"]})
        token = CALLER.set(Caller("alice", entry, server.clock))
        try:
            for ask in (server.awake("m1"), server.await_model(Request("m1", {})), asked(server, "m1")):
                with pytest.raises(NotFound, match="unknown model: 'm1'"):
                    await ask
            with pytest.raises(NotFound):
                server.rouse("m1")
            with pytest.raises(NotFound):
                server.submit(Request("m1", {}))
            assert [row.model for row in server.listed()] == ["m2"]
            assert not shop.loaded
            assert await asked(server, "m2") == 2
        finally:
            CALLER.reset(token)


@pytest.mark.parametrize("given", ["4 QiB", "-1", 0, "many", True, "1.5.2 GB"])
def test_a_size_that_makes_no_sense_is_refused(given: Any) -> None:
    with pytest.raises(ConfigError, match=r"server\.memory_budget: got"):
        Shop().server({}, memory_budget=given)


@pytest.mark.parametrize(
    ("given", "bytes_"), [("4GiB", 4 << 30), ("1.5 kB", 1500), (7, 7), ("2 TB", 2 * 10**12), ("1B", 1)]
)
def test_a_size_may_have_a_unit(given: Any, bytes_: int) -> None:
    assert Shop().server({}, memory_budget=given).config.server.memory_budget == bytes_
