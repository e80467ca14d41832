"""Files that come with a request are there as long as what is served from them, and no longer; and none is code."""

from __future__ import annotations

import asyncio
import base64
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

from jackfield import Server
from jackfield.errors import InvalidRequest, LoadError
from jackfield_plugins.open_inference.loading import Loading
from tests.plugins.onnx import graphs
from tests.plugins.open_inference.calling import run


def _model(add: float) -> bytes:
    """An ONNX model of `y = x + add`."""
    number = numpy_helper.from_array(np.array([add], np.float32), "number")
    node = helper.make_node("Add", ["x", "number"], ["y"])
    made = graphs.model([node], [graphs.value("x", ["N", 1])], [graphs.value("y", ["N", 1])], [number])
    return bytes(made.SerializeToString())


def _body(config: dict[str, Any] | None = None, add: float | None = None) -> bytes:
    parameters: dict[str, Any] = {} if config is None else {"config": json.dumps(config)}
    if add is not None:
        parameters["file:model.onnx"] = base64.b64encode(_model(add)).decode()
    return json.dumps({"parameters": parameters}).encode()


async def _adds(server: Server, model: str) -> float:
    response = await server.infer(model, {"x": np.zeros((1, 1), np.float32)})
    return float(response.outputs["y"][0, 0])


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files that come with requests are put."""
    places = tmp_path / "places"
    places.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(places))
    return places


def _in(places: Path) -> list[str]:
    return [str(one) for one in places.iterdir()]


async def _until(true: Callable[[], object]) -> None:
    while not true():  # noqa: ASYNC110  (what is waited for has no event)
        await asyncio.sleep(0.002)


@asynccontextmanager
async def _serving(tmp_path: Path) -> AsyncIterator[tuple[Server, Loading]]:
    """A server with a model `own`, which adds 1."""
    (tmp_path / "own.onnx").write_bytes(_model(1))
    own = {"source": str(tmp_path / "own.onnx"), "backend": {"name": "onnxruntime", "threads": 1}, "device": "cpu"}
    async with Server({"models": {"own": own}, "observers": {}}) as server:
        yield server, Loading(server, None)


def test_a_model_that_a_request_made_keeps_its_files(tmp_path: Path, places: Path) -> None:
    async def scenario() -> None:
        async with _serving(tmp_path) as (server, loading):
            await loading.load("new", _body({"backend": "onnxruntime"}, 5))
            await loading.load("new", _body({"timeout_s": 7}))
            await loading.load("new", _body())
            assert (await _adds(server, "new"), server.config.models["new"].timeout_s) == (5, 7)
            await loading.load("new", _body({}, 6))
            await loading.load("new", _body())
            assert await _adds(server, "new") == 6
            await loading.unload("new", b"")
            await loading.load("new", _body())
            assert await _adds(server, "new") == 6
            assert _in(places) == [server.config.models["new"].source]

    run(scenario())


def test_what_is_loaded_otherwise_leaves_no_files(tmp_path: Path, places: Path) -> None:
    async def scenario() -> None:
        async with _serving(tmp_path) as (server, loading):
            for add in (7, 8):
                await loading.load("own", _body({"timeout_s": 9}, add))
                assert await _adds(server, "own") == add
            assert len(_in(places)) == 1
            await server.reconfigure("own", {"timeout_s": 3})
            await loading.load("own", _body())
            assert (await _adds(server, "own"), server.config.models["own"].timeout_s) == (1, None)
            assert not _in(places)
            await loading.load("own", _body({}, 9))
            await loading.load("own", _body({"timeout_s": 4}))
            assert (await _adds(server, "own"), _in(places)) == (1, [])

    run(scenario())


def test_what_fails_changes_nothing(tmp_path: Path, places: Path) -> None:
    async def scenario() -> None:
        async with _serving(tmp_path) as (server, loading):
            await loading.load("own", _body({}, 7))
            bad = {"config": "{}", "file:model.onnx": base64.b64encode(b"no model").decode()}
            with pytest.raises(LoadError):
                await loading.load("own", json.dumps({"parameters": bad}).encode())
            await loading.load("own", _body({}, 8))
            await loading.load("own", _body())
            assert await _adds(server, "own") == 1

    run(scenario())


def test_who_goes_while_it_is_loaded_leaves_it_whole(tmp_path: Path, places: Path) -> None:
    async def scenario() -> None:
        async with _serving(tmp_path) as (server, loading):
            asked = asyncio.create_task(loading.load("new", _body({}, 5)))
            await _until(lambda: _in(places))
            asked.cancel()
            await asyncio.wait([asked])
            await _until(lambda: "new" in server.config.models)
            await loading.load("new", _body())
            assert await _adds(server, "new") == 5

    run(scenario())


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"source": "some", "artifact": "model.py:Ranker"}, "its `artifact` names a class"),
        ({"source": "some.pt", "loader": {"name": "torch", "allow_torchscript": True}}, "has `allow_torchscript`"),
    ],
)
def test_code_is_the_configuration_s(tmp_path: Path, section: dict[str, Any], message: str) -> None:
    (tmp_path / "other").mkdir()
    loading = Loading(Server({"models": {"coded": section}, "observers": {}}), tmp_path)
    for body in (_body({}, 1), _body({"source": "other"})):
        with pytest.raises(InvalidRequest, match=message):
            run(loading.load("coded", body))
