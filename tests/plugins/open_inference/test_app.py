"""All routes but `infer`, over the real app."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

import orjson
import pytest
import structlog

from tests.plugins.open_inference.calling import Answer, Caller, run, served, tensor

ROUTES = [
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/mlp",
    "/v2/models/mlp/versions/1",
    "/v2/models/mlp/ready",
    "/v2/models/mlp/versions/1/ready",
    "/v2/models/mlp/config",
    "/v2/models/mlp/stats",
    "/v2/models/stats",
]


def answers(*paths: str, method: str = "GET", body: bytes = b"", **config: Any) -> list[Answer]:
    async def asked() -> list[Answer]:
        async with served("mlp", "pair", **config) as caller:
            return [await caller.ask(method, path, body) for path in paths]

    return run(asked())


def test_every_route_answers_with_json() -> None:
    for answer in answers(*ROUTES):
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-length"] == str(len(answer.body))
        assert answer.json


def test_head_is_get_without_a_body() -> None:
    for got, head in zip(answers(*ROUTES[:6]), answers(*ROUTES[:6], method="HEAD"), strict=True):
        assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_wrong_method_is_told_the_right_ones(method: str) -> None:
    for answer in answers(*ROUTES, method=method):
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert answer.error == "this path takes GET and HEAD only"


def test_what_takes_post_takes_nothing_else() -> None:
    for method in ("GET", "HEAD", "PUT"):
        for answer in answers("/v2/models/mlp/infer", "/v2/repository/index", method=method):
            assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_other_paths_are_not_found() -> None:
    for answer in answers("/v2/", "/v2/models/", "/v2/models/mlp/other", "/v2//health/live", "/v2/health/live/"):
        assert (answer.status, answer.error) == (404, "there is nothing at this path")


def test_unknown_models_and_versions_are_named() -> None:
    unknown, attack, other = answers("/v2/models/no", "/v2/models/a\r\nb/config", "/v2/models/mlp/versions/9/stats")
    assert (unknown.status, unknown.error) == (404, "Request for unknown model: 'no' is not found")
    assert attack.status == 404
    assert "\n" not in attack.error
    assert other.status == 404
    assert other.error.startswith("Request for unknown model: 'mlp' version '9' is not found")


def test_server_metadata() -> None:
    (answer,) = answers("/v2", server={"name": "mine"})
    assert answer.json["name"] == "mine"
    assert answer.json["version"] == version("jackfield")
    assert "binary_tensor_data" in answer.json["extensions"]
    assert "model_repository" not in answer.json["extensions"]


def test_model_metadata() -> None:
    (answer,) = answers("/v2/models/pair")
    assert answer.json == {
        "name": "pair",
        "versions": ["1"],
        "platform": "stub_stub",
        "inputs": [
            {"name": "a", "datatype": "INT32", "shape": [-1, 2]},
            {"name": "b", "datatype": "BYTES", "shape": [-1, 1]},
        ],
        "outputs": [
            {"name": "total", "datatype": "INT64", "shape": [-1, 1]},
            {"name": "marked", "datatype": "BYTES", "shape": [-1, 1]},
        ],
    }


def test_model_config() -> None:
    batching = {"max_batch_size": 8, "max_delay_ms": 1.5, "preferred_batch_sizes": [4, 8]}
    (answer,) = answers("/v2/models/pair/config", pair__settings={"batching": batching})
    assert answer.json == {
        "name": "pair",
        "platform": "stub_stub",
        "backend": "stub",
        "max_batch_size": 8,
        "input": [
            {"name": "a", "data_type": "TYPE_INT32", "dims": [2]},
            {"name": "b", "data_type": "TYPE_STRING", "dims": [1]},
        ],
        "output": [
            {"name": "total", "data_type": "TYPE_INT64", "dims": [1]},
            {"name": "marked", "data_type": "TYPE_STRING", "dims": [1]},
        ],
        "instance_group": [{"count": 1, "kind": "KIND_AUTO"}],
        "dynamic_batching": {"preferred_batch_size": [4, 8], "max_queue_delay_microseconds": 1500},
    }


def test_config_of_a_model_that_is_not_batched() -> None:
    async def asked() -> Any:
        async with served("single", single__settings={"device": "cpu"}) as caller:
            return (await caller.get("/v2/models/single/config")).json

    config = run(asked())
    assert config["max_batch_size"] == 0
    assert config["input"] == [{"name": "x", "data_type": "TYPE_FP32", "dims": [3]}]
    assert config["output"] == [{"name": "y", "data_type": "TYPE_FP32", "dims": [-1]}]
    assert config["instance_group"] == [{"count": 1, "kind": "KIND_CPU"}]
    assert "dynamic_batching" not in config


def test_statistics_count_rows_and_steps() -> None:
    async def asked() -> tuple[Any, Any]:
        async with served("mlp", "pair") as caller:
            await caller.infer("mlp", {"inputs": [tensor("x", "FP32", [3, 16], [0] * 48)]})
            await caller.infer("mlp", {"inputs": [tensor("x", "FP32", [1, 16], [666] + [0] * 15)]})
            one = (await caller.get("/v2/models/mlp/versions/1/stats")).json
            return one, (await caller.get("/v2/models/stats")).json

    one, every = run(asked())
    (stats,) = one["model_stats"]
    assert [each["name"] for each in every["model_stats"]] == ["mlp", "pair"]
    assert (stats["name"], stats["version"]) == ("mlp", "1")
    assert stats["inference_count"] == 3
    assert stats["execution_count"] >= 1
    inference = stats["inference_stats"]
    assert set(inference) == {
        "success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss",
    }  # fmt: skip
    assert [inference[name]["count"] for name in ("success", "fail", "compute_infer", "cache_hit")] == [1, 1, 1, 0]
    assert inference["success"]["ns"] > 0
    (batch,) = stats["batch_stats"]
    assert batch["batch_size"] == 3
    assert batch["compute_infer"]["count"] == 1


def test_the_index_of_the_repository() -> None:
    (every,) = answers("/v2/repository/index", method="POST")
    row = {"version": "1", "state": "READY", "reason": ""}
    assert every.json == [{"name": "mlp", **row}, {"name": "pair", **row}]
    (bad,) = answers("/v2/repository/index", method="POST", body=b'{"ready": 1}')
    assert bad.status == 400
    assert bad.error.startswith("the request is not valid: ")


def test_a_model_that_failed_to_load_is_told_of_without_our_folders() -> None:
    async def asked() -> list[Answer]:
        async with served("mlp", "broken", wait=False, server={"not_ready_status": 400}) as caller:
            await asyncio.wait([asyncio.ensure_future(caller.app.server.loaded())])
            found = [await caller.get(f"/v2/{path}") for path in ("health/live", "health/ready", "models/broken/ready")]
            found.append(await caller.get("/v2/models/broken"))
            found += [await caller.ask("POST", "/v2/repository/index", body) for body in (b"", b'{"ready":true}')]
            found.append(await caller.infer("broken", {"inputs": []}))
            found.append(
                await caller.ask("POST", "/v2/models/broken/infer", b"", {"Inference-Header-Content-Length": "0"})
            )
            return found

    live, ready, model, metadata, index, filtered, infer, raw = run(asked())
    reason = "model 'broken' failed to load: '<path>' is truncated"
    assert live.status == 200
    assert (ready.status, ready.json) == (400, {"ready": False, "error": "not ready: 'broken'"})
    assert (model.status, model.json) == (400, {"name": "broken", "ready": False, "error": reason})
    assert (metadata.status, metadata.error) == (503, reason)
    assert metadata.headers["retry-after"] == "1"
    assert index.json[1] == {"name": "broken", "version": "1", "state": "UNAVAILABLE", "reason": reason}
    assert [row["name"] for row in filtered.json] == ["mlp"]
    assert infer.status == raw.status == 503


def test_not_ready_while_loading_and_after_stopping() -> None:
    async def asked() -> tuple[Answer, ...]:
        async with served("mlp", wait=False) as caller:
            loading = await caller.get("/v2/models/mlp/ready")
            index = await caller.ask("POST", "/v2/repository/index")
            await caller.app.server.loaded()
            ready = await caller.get("/v2/health/ready")
        return loading, index, ready, await caller.get("/v2/health/ready"), await caller.get("/v2/models/mlp/ready")

    loading, index, ready, stopped, model = run(asked())
    assert (loading.status, loading.json["ready"]) == (503, False)
    assert index.json[0]["state"] == "LOADING"
    assert "it is loading" in index.json[0]["reason"]
    assert ready.status == 200
    assert stopped.status == model.status == 503


def test_a_fault_of_ours_is_not_shown_but_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("the secret is 42")

    async def asked() -> list[Answer]:
        async with served("mlp") as caller:
            monkeypatch.setattr(type(caller.app.server), "ready", property(broken))
            own = await caller.ask("GET", "/v2/health/ready", headers={"X-Request-Id": "mine"})
            return [own, await caller.get("/v2/health/ready")]

    with structlog.testing.capture_logs() as logs:
        own, other = run(asked())
    assert own.status == other.status == 500
    assert "secret" not in own.error
    assert own.headers["x-request-id"] == "mine"
    failures = [entry for entry in logs if entry["event"] == "request failed"]
    assert [entry["request_id"] for entry in failures] == ["mine", other.headers["x-request-id"]]
    assert isinstance(failures[0]["exc_info"], ZeroDivisionError)


def test_errors_are_one_object_with_one_text() -> None:
    async def asked(caller: Caller) -> Answer:
        return await caller.ask("POST", "/v2/models/mlp/infer", b"[")

    async def main() -> Answer:
        async with served("mlp") as caller:
            return await asked(caller)

    answer = run(main())
    assert answer.status == 400
    assert list(orjson.loads(answer.body)) == ["error"]
