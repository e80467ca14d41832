"""Models are loaded, rolled and put to sleep over sockets: tritonclient, ONNX models, and a real repository."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tritonclient.http as triton
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException

from tests.e2e.company import until
from tests.e2e.launch import Live, launched

KEY = "a key that nobody guesses"
HEADERS = {"Authorization": f"Bearer {KEY}"}


def _model(add: float) -> bytes:
    """An ONNX model of `y = x + add`, for rows of two numbers."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2]) for name in "xy")
    number = helper.make_tensor("number", TensorProto.FLOAT, [1], [add])
    graph = helper.make_graph([helper.make_node("Add", ["x", "number"], ["y"])], "add", [x], [y], [number])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _marking(root: Path) -> str:
    """A module that leaves a file when it is run."""
    return f"from pathlib import Path\n\nPath({str(root / 'ran')!r}).touch()\n\nclass Model: ...\n"


def _put(repository: Path, version: str, add: float) -> None:
    """As an operator does: copied under a name that is ignored, then renamed."""
    new = repository / f".{version}"
    new.mkdir(parents=True)
    (new / "model.onnx").write_bytes(_model(add))
    new.rename(repository / version)


@pytest.fixture(scope="module", params=[1, 2])
def workers(request: pytest.FixtureRequest) -> int:
    """With two, fronts listen, and whoever asks them cannot tell."""
    return int(request.param)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, workers: int) -> Path:
    """Repositories `rolled` and `asleep`, and `coded`, whose versions are code."""
    root = tmp_path_factory.mktemp(f"models{workers}")
    (root / "coded" / "1").mkdir(parents=True)
    (root / "coded" / "1" / "model.py").write_text(_marking(root))
    _put(root / "rolled", "1", 1)
    _put(root / "asleep", "9", 9)
    _put(root / "asleep", "10", 10)
    (root / "outside").mkdir()
    (root / "outside" / "model.onnx").write_bytes(_model(666))
    (root / "rolled" / "7").symlink_to(root / "outside")
    return root


@pytest.fixture(scope="module")
def live(root: Path, workers: int) -> Iterator[Live]:
    """They, and the repository API with a key."""
    onnxruntime = {"backend": {"name": "onnxruntime", "threads": 1}}
    models = {
        "rolled": {"source": str(root / "rolled"), "versions": {"latest": 2}, "poll_s": 0.05, **onnxruntime},
        "asleep": {"source": str(root / "asleep"), "load": "on-demand", **onnxruntime},
        "coded": {"source": str(root / "coded"), "artifact": "model.py:Model", "load": "on-demand"},
    }
    (root / "key").write_text(KEY + "\n")
    endpoints = {
        "open-inference": {
            "repository_control": True,
            "repository_key_file": str(root / "key"),
            "repository_folder": str(root),
        },
        "metrics": {},
        "openai": {},
    }
    server = {"memory_budget": "1 MiB", "workers": workers}
    config = {"server": server, "models": models, "endpoints": endpoints}
    with launched(config, root) as launch:
        yield launch


@pytest.fixture
def client(live: Live) -> Iterator[Any]:
    client = triton.InferenceServerClient(live.url)
    yield client
    client.close()


def _added(client: Any, model: str, version: str = "", **more: Any) -> float:
    one = triton.InferInput("x", [1, 2], "FP32")
    one.set_data_from_numpy(np.zeros((1, 2), np.float32))
    return float(client.infer(model, [one], model_version=version, **more).as_numpy("y")[0, 0])


def _index(client: Any, model: str) -> dict[str, str]:
    return {row["version"]: row["state"] for row in client.get_model_repository_index() if row["name"] == model}


def test_a_sleeping_model_is_not_ready_and_wakes_when_it_is_asked(client: Any) -> None:
    assert client.is_server_ready()
    assert not client.is_model_ready("asleep")
    assert _index(client, "asleep") == {"": "UNAVAILABLE"}
    assert _added(client, "asleep") == 10
    assert client.is_model_ready("asleep")
    assert _index(client, "asleep") == {"9": "UNAVAILABLE", "10": "READY"}
    client.unload_model("asleep", headers=HEADERS)
    assert client.get_model_metadata("asleep")["versions"] == ["10"]  # only a loaded model can say
    client.unload_model("asleep", headers=HEADERS)
    assert _added(client, "asleep", "10") == 10


def test_versions_roll_while_the_folder_changes(client: Any, live: Live, root: Path) -> None:
    assert _index(client, "rolled") == {"1": "READY", "7": "UNAVAILABLE"}
    (reason,) = (row["reason"] for row in client.get_model_repository_index() if row["version"] == "7")
    assert reason == "'7' is a link that leaves the repository"
    _put(root / "rolled", "2", 2)
    until(lambda: _index(client, "rolled").get("2") == "READY")
    assert (_added(client, "rolled"), _added(client, "rolled", "1")) == (2, 1)
    _put(root / "rolled", "11", 11)
    until(lambda: _index(client, "rolled").get("11") == "READY")
    until(lambda: _index(client, "rolled")["1"] == "UNAVAILABLE")
    assert (_added(client, "rolled"), _added(client, "rolled", "2")) == (11, 2)
    with pytest.raises(InferenceServerException, match="version '1' is not found"):
        _added(client, "rolled", "1")
    shutil.rmtree(root / "rolled" / "11")
    until(lambda: _added(client, "rolled") == 2)
    assert client.is_server_ready()


def test_load_and_unload_as_clients_expect(client: Any, live: Live, root: Path) -> None:
    assert "model_repository" in client.get_server_metadata()["extensions"]
    client.unload_model("rolled", headers=HEADERS, unload_dependents=True)
    assert not client.is_model_ready("rolled")
    assert client.is_server_ready()
    assert set(_index(client, "rolled").values()) == {"UNAVAILABLE"}
    with pytest.raises(InferenceServerException, match="Request for unknown model: 'rolled' is not found"):
        _added(client, "rolled")
    client.load_model("rolled", headers=HEADERS)
    assert client.is_model_ready("rolled")
    before = _added(client, "rolled")

    files = {"file:1/model.onnx": _model(100), "file:3/model.onnx": _model(300)}
    client.load_model("rolled", headers=HEADERS, config=json.dumps({"versions": "all"}), files=files)
    assert (_added(client, "rolled"), _added(client, "rolled", "1")) == (300, 100)
    client.load_model("rolled", headers=HEADERS)  # its own files again
    assert _added(client, "rolled") == before

    client.load_model("new", headers=HEADERS, config='{"backend": "onnxruntime"}', files={"file:m.onnx": _model(5)})
    assert _added(client, "new") == 5
    client.load_model("beside", headers=HEADERS, config='{"source": "outside"}')
    assert _added(client, "beside") == 666
    for model in ("new", "beside"):
        client.unload_model(model, headers=HEADERS)
        assert not client.is_model_ready(model)


def test_a_model_that_cannot_be_loaded_is_told_and_what_serves_goes_on(client: Any) -> None:
    before = _added(client, "rolled")
    with pytest.raises(InferenceServerException, match="failed to load") as caught:
        client.load_model("rolled", headers=HEADERS, config="{}", files={"file:1/model.onnx": b"no model"})
    assert "/" not in str(caught.value).replace("<path>", "")
    assert _added(client, "rolled") == before
    assert client.is_server_ready()
    for model, config in (("nothing", None), ("nothing", "{}")):
        with pytest.raises(InferenceServerException, match="unknown model: 'nothing'") as caught:
            client.load_model(model, headers=HEADERS, config=config)
        assert caught.value.status() == "404"


@pytest.mark.parametrize(
    "path",
    ["../m.onnx", "1/../../m.onnx", "/etc/cron.d/m", "1//m.onnx", "1/\0", "1\\..\\m", ".m", "1/.m", "", "a/" * 9],
)
def test_files_may_not_leave_the_repository(client: Any, path: str) -> None:
    with pytest.raises(InferenceServerException, match="must be a path within the model's folder") as caught:
        client.load_model("evil", headers=HEADERS, config="{}", files={f"file:{path}": b"x"})
    assert caught.value.status() == "400"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"source": "../../etc"}, "'source' must be a path within the repository"),
        ({"source": "/etc/passwd"}, "'source' must be a path within the repository"),
        ({"source": "rolled/7/../../.."}, "'source' must be a path within the repository"),
        ({"source": "a\0b"}, "'source'"),
        ({"source": "nothing"}, "'source' must name a file or folder that is within the repository, and no code"),
        ({"source": "outside", "loader": "python"}, "'loader' cannot be given"),
        ({"artifact": "model.py:Model"}, "'artifact' cannot be given"),
        ({"labels": {"y": "/etc/passwd"}}, "'labels' cannot be given"),
        ({"backend": {"name": "onnxruntime", "session_config": {"a": "b"}}}, "'backend' in 'config' must be the name"),
        ({"replicas": 0}, "'config' of model 'rolled' is wrong: .*replicas: got 0"),
        ([1], "'config' must be text: a JSON object"),
    ],
)
def test_a_config_says_only_what_it_may(client: Any, config: Any, message: str) -> None:
    with pytest.raises(InferenceServerException, match=message) as caught:
        client.load_model("rolled", headers=HEADERS, config=json.dumps(config))
    assert caught.value.status() == "400"


@pytest.mark.parametrize("source", ["coded/1/model.py:Model", "coded/1/model.py", "json:JSONDecoder"])
def test_no_request_has_code_run_that_it_names(client: Any, root: Path, source: str) -> None:
    for config in ({"source": source}, {"source": source, "versions": "all"}):
        with pytest.raises(InferenceServerException, match="within the repository, and no code") as caught:
            client.load_model("evil", headers=HEADERS, config=json.dumps(config))
        assert caught.value.status() == "400"
    assert not (root / "ran").exists()


def test_no_request_has_code_run_that_it_brings(client: Any, root: Path) -> None:
    for config, files in ((None, {"file:1/model.py": _marking(root).encode()}), ({"source": "outside"}, None)):
        with pytest.raises(InferenceServerException, match="may give neither its files nor its source") as caught:
            client.load_model("coded", headers=HEADERS, config=json.dumps(config or {}), files=files)
        assert caught.value.status() == "400"
    assert not (root / "ran").exists()


@pytest.mark.parametrize("model", ["../rolled", "rolled\0", "%2e%2e%2fetc", "rolled/../x", "."])
def test_no_name_reaches_further(live: Live, client: Any, model: str) -> None:
    from urllib.parse import quote

    for what in ("load", "unload"):
        answer = live.ask("POST", f"/v2/repository/models/{quote(model, safe='')}/{what}", b"", HEADERS)
        assert answer.status == 404, answer.body
    config = json.dumps({"parameters": {"config": '{"source": "outside"}'}}).encode()
    answer = live.ask("POST", f"/v2/repository/models/{quote(model, safe='')}/load", config, HEADERS)
    assert answer.status in (400, 404), answer.body


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer"},
        {"X-Repository-Key": KEY[:-1]},
        {"X-Repository-Key": "wrong", "Authorization": f"Bearer {KEY}"},
    ],
)
def test_nobody_loads_without_the_key(live: Live, headers: dict[str, str]) -> None:
    for what in ("load", "unload"):
        answer = live.ask("POST", f"/v2/repository/models/rolled/{what}", b"{}", headers)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert live.ask("POST", "/v2/repository/index", b"{}").status == 200
    assert KEY not in live.log.read_text()


def test_the_key_may_come_in_a_header_of_its_own(live: Live) -> None:
    answer = live.ask("POST", "/v2/repository/models/rolled/load", b"", {"X-Repository-Key": KEY})
    assert (answer.status, answer.json) == (200, {})
    assert live.ask("GET", "/v2/repository/models/rolled/load").status == 405


def test_models_that_sleep_are_listed_whoever_answers(live: Live) -> None:
    listed = [model["id"] for model in live.ask("GET", "/v1/models").json["data"]]
    assert "coded" in listed
    assert "rolled" in listed


def test_metrics_tell_of_loads(live: Live) -> None:
    text = live.ask("GET", "/metrics").body.decode()
    values = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line[0] != "#"}
    assert values['jackfield_on_demand_loads_total{model="asleep",outcome="ready"}'] >= 2
    assert values["jackfield_memory_budget_bytes"] == 1 << 20
    assert values['jackfield_on_demand_bytes{model="asleep"}'] == len(_model(10))
    assert values['jackfield_on_demand_evictions_total{model="asleep"}'] == 0


def test_it_is_off_by_default(small: Live) -> None:
    answer = small.ask("POST", "/v2/repository/models/double/load", b"", HEADERS)
    assert answer.status == 501
    assert "model_repository" not in small.ask("GET", "/v2").json["extensions"]
