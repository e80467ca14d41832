"""The app inside other apps: at a prefix, with their lifespan, behind their middleware."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from jackfield import create_app
from jackfield.errors import ConfigError, LoadError
from jackfield.keys.hashing import hashed, new_key

MODELS = Path(__file__).parent / "models.py"
CONFIG = {"models": {"double": {"source": f"{MODELS}:Double"}}}
ONE: dict[str, Any] = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}


class Stamp(BaseHTTPMiddleware):
    """A host's own middleware, which wraps receive and send."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-host"] = "starlette"
        return response


def home(request: Request) -> Response:
    return PlainTextResponse("home")


def answered(client: TestClient, prefix: str) -> Any:
    response = client.post(f"{prefix}/v2/models/double/infer", json=ONE)
    assert response.status_code == 200, response.text
    return response


@pytest.mark.parametrize("prefix", ["/ai", "/deep/er"])
def test_mounted_in_starlette_with_its_lifespan_and_middleware(prefix: str) -> None:
    app = create_app(CONFIG)
    host = Starlette(
        routes=[Route("/", home), Mount(prefix, app)], middleware=[Middleware(Stamp)], lifespan=app.lifespan
    )
    with TestClient(host) as client:
        response = answered(client, prefix)
        assert response.json()["outputs"][0]["data"] == [2, 4, 6, 8]
        assert response.headers["x-host"] == "starlette"
        assert "queue;dur=" in response.headers["server-timing"]
        assert client.get("/").text == "home"
        assert client.get(f"{prefix}/v2/health/ready").status_code == 200
        assert client.get(f"{prefix}/metrics").status_code == 200
        assert client.get(f"{prefix}/v2/models/other").status_code == 404
        assert client.get("/v2/health/ready").status_code == 404
    assert not app.server.ready


def test_mounted_in_the_fastapi_example() -> None:
    from examples.fastapi_app import app, inference

    with TestClient(app) as client:
        content = {"inputs": [{"name": "x", "shape": [2, 4], "datatype": "FP32", "data": [[1, 2, 3, 4], [0, 0, 0, 1]]}]}
        response = client.post("/ai/v2/models/scale/infer", json=content)
        outputs = {one["name"]: one["data"] for one in response.json()["outputs"]}
        assert outputs == {"scaled": [2, 4, 6, 8, 0, 0, 0, 2], "total": [20, 2]}
        assert response.headers["x-host-app"] == "yes"
        assert client.get("/double/21").json() == {"double": 42}
        assert inference.server.ready
    assert not inference.server.ready


def test_a_host_with_its_own_lifespan_enters_ours() -> None:
    app = create_app(CONFIG)
    order: list[str] = []

    @asynccontextmanager
    async def lifespan(host: Starlette) -> AsyncIterator[None]:
        order.append("host starts")
        async with app.lifespan(host):
            order.append("ready" if app.server.ready else "not ready")
            yield
        order.append("host stops")

    with TestClient(Starlette(routes=[Mount("/ai", app)], lifespan=lifespan)) as client:
        answered(client, "/ai")
    assert order == ["host starts", "ready", "host stops"]


def test_without_a_lifespan_the_answer_says_what_is_missing() -> None:
    client = TestClient(Starlette(routes=[Mount("/ai", create_app(CONFIG))]))
    response = client.post("/ai/v2/models/double/infer", json=ONE)
    assert response.status_code == 503
    assert "lifespan" in response.json()["error"]
    assert client.get("/ai/v2/health/ready").status_code == 503


def test_alone_it_runs_its_own_lifespan() -> None:
    app = create_app(CONFIG)
    with TestClient(app) as client:
        answered(client, "")
        assert client.get("/nothing").json() == {"error": "there is nothing at this path"}
    assert app.server.model("double").version().statistics.outstanding == 0


def test_a_model_that_fails_to_load_fails_the_start() -> None:
    app = create_app({"models": {"gone": {"source": f"{MODELS}:Gone"}}})
    with pytest.raises(LoadError, match=r"model 'gone' failed to load: .*Gone"), TestClient(app):
        pass


def test_two_servers_in_one_process_do_not_mix() -> None:
    first, second = create_app(CONFIG), create_app(CONFIG)
    with TestClient(first) as one, TestClient(second) as two:
        answered(one, "")
        assert first.server.model("double").version().statistics.completed == 1
        assert second.server.model("double").version().statistics.completed == 0
        assert 'jackfield_requests_total{model="double",state="completed",version="1"} 1.0' in one.get("/metrics").text
        assert 'jackfield_requests_total{model="double",state="completed",version="1"} 0.0' in two.get("/metrics").text


def test_a_wrong_configuration_is_said_before_anything_starts() -> None:
    with pytest.raises(ConfigError, match="did you mean 'max_batch_size'"):
        create_app({"models": {"double": {"source": "m.py:M", "batching": {"policy": "dynamic", "max_batch_sise": 3}}}})


@pytest.mark.parametrize("prefix", ["", "/ai", "/deep/er"])
def test_keys_are_asked_for_wherever_it_is_mounted(prefix: str) -> None:
    key = new_key()
    entries = f"alice: {{hash: '{hashed(key)}'}}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KEYS_OF_THIS_TEST", entries)
        app = create_app({**CONFIG, "server": {"keys": {"env": "KEYS_OF_THIS_TEST"}}})
    host = FastAPI(lifespan=app.lifespan)

    @host.get("/double")
    async def double() -> list[float]:
        row = np.array([ONE["inputs"][0]["data"]], np.float32)
        (found,) = (await app.server.infer("double", {"x": row})).outputs.values()
        return list(found.ravel().tolist())

    host.mount(prefix, app)
    with TestClient(host) as client:
        for path in ("/v2", "/v2/health/live", "/v2/models/double", "/v1/models", "/metrics", "/nothing", "/", "//v2"):
            for method in ("GET", "HEAD", "OPTIONS", "POST"):
                answer = client.request(method, prefix + path, headers={"host": "localhost/v2/health/live"})
                assert answer.status_code == 401, path
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(f"{prefix}/v2/models/double"):
            pass
        assert client.get("/double").json() == [2, 4, 6, 8]  # the host's own, which has its own ways
        client.headers["authorization"] = f"Bearer {key}"
        assert answered(client, prefix).json()["outputs"][0]["data"] == [2, 4, 6, 8]
