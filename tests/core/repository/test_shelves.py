"""Versions that are served out of a folder: at the start, while it changes, and on request."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from jackfield.errors import LoadError, NotFound
from jackfield.server import Server
from jackfield.testing import VirtualClock
from tests.core.lifecycle.fakes import PATIENCE, in_loop, until
from tests.core.repository.files import Shop, asked, put

POLL = 0.01


def _versions(server: Server) -> list[str]:
    return sorted(name for name, version in server.models["m"].versions.items() if version.ready)


def _rows(server: Server) -> dict[str, str]:
    return {row.name: row.reason if row.version is None else str(row.version.state) for row in server.listed()}


def _section(root: Path, **more: Any) -> dict[str, Any]:
    return {"m": {"source": str(root), **more}}


def _filled(root: Path, *versions: int) -> Path:
    for version in versions:
        put(root / str(version) / "a.model", version)
    return root


@pytest.mark.parametrize(
    ("policy", "served"),
    [(None, ["10"]), ("latest", ["10"]), ({"latest": 2}, ["10", "9"]), ("all", ["10", "2", "9"]), ([2, 9], ["2", "9"])],
)
@in_loop
async def test_the_policy_says_what_is_served_and_the_latest_is_the_main_one(
    tmp_path: Path, policy: Any, served: list[str]
) -> None:
    async with Shop().server(_section(_filled(tmp_path, 2, 9, 10), versions=policy)) as server:
        assert _versions(server) == served
        assert await asked(server) == max(map(int, served))
        for version in served:
            assert await asked(server, version=version) == int(version)
        assert _rows(server) == {
            str(n): "ready" if str(n) in served else "it is not among the versions that are to be served"
            for n in (2, 9, 10)
        }


@in_loop
async def test_new_versions_are_rolled_in_and_vanished_ones_go(tmp_path: Path) -> None:
    root = _filled(tmp_path, 1)
    async with Shop().server(_section(root, versions={"latest": 2}, poll_s=POLL)) as server:
        put(root / ".2" / "a.model", 2)  # a copy that is not finished
        (root / ".2").rename(root / "2")
        await until(lambda: _versions(server) == ["1", "2"])
        assert await asked(server) == 2
        _filled(root, 3)
        await until(lambda: _versions(server) == ["2", "3"])
        assert (await asked(server), await asked(server, version="2")) == (3, 2)
        shutil.rmtree(root / "3")
        await until(lambda: _versions(server) == ["1", "2"])
        assert await asked(server) == 2
        old = server.models["m"].main
        put(root / "2" / "a.model", 20)  # another file under the same name
        await until(lambda: server.models["m"].main is not old)
        assert (await asked(server), _versions(server), server.ready) == (20, ["1", "2"], True)


@in_loop
async def test_the_clock_that_is_passed_in_says_when_to_look(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with Shop().server(_section(_filled(tmp_path, 1), poll_s=60), clock) as server:
        looks = 0
        shelf = server.supply.shelves._shelves["m"]

        def look() -> Any:
            nonlocal looks
            looks += 1
            return versions()

        versions, shelf.repository.versions = shelf.repository.versions, look  # type: ignore[method-assign]
        _filled(tmp_path, 2)
        for number in (1, 2):
            server.supply.look()
            assert (looks, shelf.task) == (number - 1, None)
            clock.advance(60)
            server.supply.look()
            await until(lambda number=number: looks == number and shelf.task is None)  # type: ignore[misc]
        assert _versions(server) == ["2"]


@in_loop
async def test_what_fails_is_left_alone_until_its_files_change(tmp_path: Path) -> None:
    shop = Shop()
    root = _filled(tmp_path, 1)
    put(root / "2" / "a.model", "no number")
    async with shop.server(_section(root, poll_s=POLL)) as server:
        assert (_versions(server), await asked(server), server.ready) == (["1"], 1, True)
        assert _rows(server) == {"1": "ready", "2": "failed"}
        _filled(root, 0)  # something to look at, which is not to be served
        await until(lambda: "0" in _rows(server))
        assert [one for one in shop.loaded if "/2/" in one] == [f"{root.name}/2/a.model"]
        _filled(root, 2)
        await until(lambda: _versions(server) == ["2"])


@in_loop
async def test_a_version_whose_files_change_while_they_are_read_does_not_serve(tmp_path: Path) -> None:
    shop = Shop()
    root = _filled(tmp_path, 1)
    async with shop.server(_section(root, poll_s=POLL)) as server:
        shop.loading.clear()
        _filled(root, 2)
        await until(lambda: len(shop.loaded) == 2)
        put(root / "2" / "more", "bytes")
        shop.loading.set()
        await until(lambda: "2" in server.models["m"].failed or _versions(server) == ["2"])
        await until(lambda: _versions(server) == ["2"])  # it is settled now
        assert len(shop.loaded) == 3
        assert await asked(server) == 2


@in_loop
async def test_an_empty_folder_takes_nothing_away(tmp_path: Path) -> None:
    root = _filled(tmp_path / "m", 1)
    async with Shop().server(_section(root, versions="latest", poll_s=POLL)) as server:
        for away in ("nothing", "empty"):
            root.rename(tmp_path / "elsewhere")
            if away == "empty":
                root.mkdir()
            shelf = server.supply.shelves._shelves["m"]
            await until(lambda shelf=shelf: shelf.trouble)  # type: ignore[misc]
            assert await asked(server) == 1
            if away == "empty":
                root.rmdir()
            (tmp_path / "elsewhere").rename(root)
            await until(lambda shelf=shelf: not shelf.trouble)  # type: ignore[misc]
        _filled(root, 2)
        await until(lambda: _versions(server) == ["2"])


@in_loop
async def test_a_repository_without_a_version_waits_for_one(tmp_path: Path) -> None:
    server = Shop().server(_section(tmp_path, versions="latest", poll_s=POLL))
    await server.start()
    try:
        with pytest.raises(LoadError, match="model 'm' failed to load: its repository has no version"):
            await server.loaded()
        assert not server.ready
        assert [(row.name, row.version) for row in server.listed()] == [("", None)]
        _filled(tmp_path, 1)
        await until(lambda: server.ready)
        assert await asked(server) == 1
        await server.loaded()
    finally:
        await server.stop()


@in_loop
async def test_versions_are_loaded_and_unloaded_on_request(tmp_path: Path) -> None:
    shop = Shop()
    root = _filled(tmp_path, 1, 2)
    async with shop.server(_section(root, versions="all", poll_s=POLL)) as server:
        await server.unload("m", "2")
        _filled(root, 0)
        await until(lambda: _versions(server) == ["0", "1"])  # looked at, and 2 is not brought back
        assert await asked(server) == 1
        await server.unload("m")
        with pytest.raises(NotFound, match="it is not loaded"):
            await asked(server)
        assert server.ready
        before = len(shop.loaded)
        await server.load("m")
        assert _versions(server) == ["0", "1", "2"]
        await server.load("m")
        assert len(shop.loaded) == before + 3  # what serves as it is is not loaded again
        put(root / "3" / "a.model", "no number")
        with pytest.raises(LoadError, match="version '3' failed to load"):
            await server.load("m")
        assert (_versions(server), await asked(server)) == (["0", "1", "2"], 2)
        await server.load("m", server.section("m", {"versions": ["1"], "timeout_s": 5}, server.config.models["m"]))
        assert _versions(server) == ["1"]
        assert server.models["m"].versions["1"].config.timeout_s == 5
        assert server.config.models["m"].source == str(root)


@in_loop
async def test_options_change_in_all_versions_and_in_those_to_come(tmp_path: Path) -> None:
    root = _filled(tmp_path, 1, 2)
    shop = Shop()
    async with shop.server(_section(root, versions="all", poll_s=POLL)) as server:
        section = server.section("m", {"timeout_s": 7}, server.config.models["m"])
        config = server.config.model_copy(update={"models": {"m": section}})
        assert (await server.reload(config)).changed == ("m",)
        assert [one.config.timeout_s for one in server.models["m"].versions.values()] == [7, 7]
        assert len(shop.loaded) == 2
        _filled(root, 3)
        await until(lambda: _versions(server) == ["1", "2", "3"])
        assert server.models["m"].versions["3"].config.timeout_s == 7
        assert len(shop.loaded) == 3


@in_loop
async def test_many_changes_at_once_with_traffic(tmp_path: Path) -> None:
    """Loads, unloads of versions, a folder that changes, and requests, all at the same time: no request is lost."""
    root = _filled(tmp_path, 1)
    async with Shop().server(_section(root, poll_s=POLL)) as server:
        done = False
        answers: list[float] = []

        async def ask() -> None:
            while not done:
                answers.append(await asked(server))

        async def load() -> None:
            while not done:
                await server.load("m")
                await asyncio.sleep(0)

        tasks = [asyncio.ensure_future(one) for one in (ask(), ask(), load(), load())]
        for version in range(2, 8):
            _filled(root, version)
            await until(lambda version=version: version in answers)  # type: ignore[misc]
            shutil.rmtree(root / str(version - 1))
        done = True
        await asyncio.gather(*tasks)
        assert set(answers) <= set(range(1, 8))
        counts = [server.models["m"].past, *(one.statistics for one in server.models["m"].all)]
        assert len(answers) == sum(one.completed for one in counts) == sum(one.accepted for one in counts)


@in_loop
async def test_a_section_that_changes_while_a_version_is_loaded_holds_for_that_version(tmp_path: Path) -> None:
    shop = Shop()
    root = _filled(tmp_path, 1)
    async with shop.server(_section(root, poll_s=POLL)) as server:
        shop.loading.clear()
        _filled(root, 2)
        await until(lambda: len(shop.loaded) == 2)
        section = server.section("m", {"batch_axis": 0}, server.config.models["m"])
        config = server.config.model_copy(update={"models": {"m": section}})
        reloading = asyncio.ensure_future(server.reload(config))
        shelf = server.supply.shelves._shelves["m"]
        await until(lambda: shelf.alone._waiters)
        shop.loading.set()
        assert (await reloading).rolled == ("m",)
        version = server.models["m"].version()
        assert (version.name, version.config.batch_axis) == ("2", 0)


@in_loop
async def test_a_trial_outlives_a_reload_that_changes_nothing_and_ends_when_something_else_is_loaded(
    tmp_path: Path,
) -> None:
    root = _filled(tmp_path, 1)
    canary = {"percent": 50, "min_requests": 1, "min_s": 0.001, "max_latency_ratio": None}
    async with Shop().server(_section(root, poll_s=POLL, update={"canary": canary})) as server:
        model = server.models["m"]
        _filled(root, 2)
        await until(lambda: model.trial)
        await server.reload(server.config)
        assert {await asked(server) for _ in range(2)} == {1, 2}
        await until(lambda: model.trial is None)
        assert _versions(server) == ["2"]
        _filled(root, 3)
        await until(lambda: model.trial)
        section = server.section("m", {"update": {"canary": None}}, server.config.models["m"])
        async with asyncio.timeout(PATIENCE):  # without waiting for the verdict
            await server.load("m", section)
        assert _versions(server) == ["3"]
        assert await asked(server) == 3


@in_loop
async def test_a_version_that_is_loaded_beside_the_others_changes_nothing_of_what_the_model_is(tmp_path: Path) -> None:
    root = _filled(tmp_path / "m", 1)
    side = {"source": str(put(tmp_path / "7.model", 7)), "version": "side"}
    async with Shop().server(_section(root, poll_s=POLL)) as server:
        await server.load("m", side, main=False)
        assert (await asked(server), await asked(server, version="side")) == (1, 7)
        _filled(root, 2)
        await until(lambda: "2" in _versions(server))
        assert await asked(server) == 2
        await server.load("new", side, main=False)
        assert await asked(server, "new", "side") == 7
        with pytest.raises(NotFound, match="no version takes requests that name none; there is 'side'"):
            await asked(server, "new")
