"""`server.workers: 2`: whatever a client asks, it cannot tell; the books are balanced whoever dies; nothing is left."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from jackfield.keys.hashing import hashed, new_key
from tests.e2e.certificates import certificate, needs_openssl
from tests.e2e.company import neighbour, quiet, survived, until
from tests.e2e.conftest import DOUBLE, HERE
from tests.e2e.launch import Answer, Live, launched
from tests.e2e.processes import children, gone
from tests.e2e.sockets import PATIENCE, Raw, content, doubled, head, post, rows
from tests.plugins.generation import tiny

SLOW = {"source": f"{HERE / 'models.py'}:Slow"}
TEXT = {"source": f"{HERE / 'models.py'}:Text"}
MOST = 12
GREEDY = {"temperature": 0, "max_tokens": 8, "ignore_eos": True}
_LONG = json.dumps({"tokens": [5, 9, 40, 7], "max_tokens": 30000, "ignore_eos": True, "stream": True}).encode()
ENDLESS = head("POST", "/v2/models/m/generate_stream", ("Content-Length", len(_LONG))) + _LONG


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with a long context, so that nobody who goes has had all of an answer."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny.save("llama-tied", folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_position_embeddings": 32768}))
    return folder


def configured(language: Path) -> dict[str, Any]:
    generator = {"source": str(language), "backend": {"name": "torch-decoder", "kv_cache_mib": 512}}
    models = {
        "double": DOUBLE,
        "text": TEXT,
        "slow": {**SLOW, "scheduler": {"max_queue": 1}, "batching": "none"},
        "m": generator,
    }
    return {"server": {"workers": 2, "drain_timeout_s": 20, "limits": {"max_connections": MOST}}, "models": models}


@pytest.fixture(scope="module")
def live(language: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with launched(configured(language), tmp_path_factory.mktemp("fronts")) as server:
        yield server


@pytest.fixture(scope="module")
def client(live: Live) -> Iterator[Any]:
    made = triton.InferenceServerClient(live.url)
    yield made
    made.close()


def fronts(live: Live) -> dict[int, int]:
    """The process of each front, by the front's number: those that were started last."""
    found: dict[int, int] = {}
    for line in live.log.read_text().splitlines():
        if '"front listens"' in line:
            told = json.loads(line)
            found[told["front"]] = told["pid"]
    return found


def told(live: Live, name: str) -> dict[str, float]:
    """One metric of the fronts, by front, once the server has a connection left for whoever asks."""
    lines: list[str] = []

    def asked() -> bool:
        try:
            answer = live.ask("GET", "/metrics")
        except OSError:
            return False
        lines[:] = answer.body.decode().splitlines()
        return answer.status == 200

    until(asked, "the metrics to be told")
    return {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{")}


def given(array: Any, name: str = "x", binary: bool = True) -> list[Any]:
    one = triton.InferInput(name, list(array.shape), "FP32" if name == "x" else "INT32")
    one.set_data_from_numpy(array, binary_data=binary)
    return [one]


def cancelled(live: Live, expected: float) -> bool:
    """Whether so many requests for `m` were cancelled, and none is left."""
    return quiet(live, "m")["jackfield_requests_total:cancelled"] == expected


def another(live: Live, number: int, old: int) -> bool:
    """Whether that front is another process than before."""
    return fronts(live).get(number) not in (None, old)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("count", [1, 3, 30000])
def test_tensors_small_and_large(client: Any, binary: bool, count: int) -> None:
    x = np.random.default_rng(count).random((min(count, 32), 4), np.float32)
    wanted = [triton.InferRequestedOutput("output", binary_data=binary)]
    result = client.infer("double", given(x, binary=binary), outputs=wanted, request_id="r1")
    assert result.get_response()["id"] == "r1"
    np.testing.assert_allclose(result.as_numpy("output"), x * 2, rtol=1e-6)


def test_what_is_told_of_models_is_the_truth(live: Live, client: Any) -> None:
    assert client.is_server_ready()
    assert client.is_model_ready("double", "1")
    assert client.get_model_metadata("double")["versions"] == ["1"]
    assert client.get_model_config("double")["max_batch_size"] == 32
    assert {one["name"] for one in client.get_model_repository_index()} == {"double", "text", "slow", "m"}
    before = client.get_inference_statistics("double")["model_stats"][0]["inference_count"]
    client.infer("double", given(np.ones((3, 4), np.float32)))
    assert client.get_inference_statistics("double")["model_stats"][0]["inference_count"] == before + 3
    with pytest.raises(InferenceServerException, match="Request for unknown model: 'nothing' is not found"):
        client.infer("nothing", given(np.ones((1, 4), np.float32)))
    assert live.ask("GET", "/nothing").status == 404


def test_what_is_wrong_is_said_and_counted_once(live: Live) -> None:
    before = quiet(live, "double")
    assert live.infer("double", content(666.0)).status == 500
    assert live.ask("POST", "/v2/models/double/infer", b"{").status == 400
    wrong = {"inputs": [{"name": "y", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}
    assert live.infer("double", wrong).status == 400
    until(
        lambda: (
            quiet(live, "double")["jackfield_requests_refused_total:invalid"]
            == before["jackfield_requests_refused_total:invalid"] + 2
        ),
        "both refusals to be counted",
    )
    assert quiet(live, "double")["jackfield_requests_total:failed"] == before["jackfield_requests_total:failed"] + 1


def test_openai_client_whole_and_in_pieces(live: Live) -> None:
    with openai.OpenAI(base_url=f"http://{live.url}/v1", api_key="none", max_retries=0) as client:
        assert {one.id for one in client.models.list()} == {"double", "text", "slow", "m"}
        asked: dict[str, Any] = {"model": "m", "prompt": [5, 9, 40, 7], "temperature": 0, "max_tokens": 12}
        whole = client.completions.create(**asked)
        pieces = list(client.completions.create(**asked, stream=True))
        assert "".join(one.choices[0].text for one in pieces if one.choices) == whole.choices[0].text
        assert whole.usage is not None
        assert whole.usage.prompt_tokens == 4
        choices = client.completions.create(**{**asked, "prompt": [[5, 9], [40, 7]], "temperature": 1}, n=2, seed=3)
        again = client.completions.create(**{**asked, "prompt": [[5, 9], [40, 7]], "temperature": 1}, n=2, seed=3)
        assert [one.text for one in choices.choices] == [one.text for one in again.choices]
        with pytest.raises(openai.BadRequestError, match="must hold tokens"):
            client.completions.create(**{**asked, "prompt": [10**6]}, stream=True)
        with pytest.raises(openai.NotFoundError):
            client.completions.create(**{**asked, "model": "nothing"})


def test_generate_stream_tells_what_generate_does(live: Live) -> None:
    body = {"tokens": [5, 9, 40, 7], **GREEDY}
    whole = live.ask("POST", "/v2/models/m/generate", json.dumps(body).encode()).json["text_output"]
    answer = live.ask("POST", "/v2/models/m/generate_stream", json.dumps(body).encode())
    events = [json.loads(line[6:]) for line in answer.body.decode().splitlines() if line.startswith("data: {")]
    assert "".join(event["text_output"] for event in events) == whole


def test_a_client_that_leaves_a_stream_ends_it(live: Live) -> None:
    before = quiet(live, "m")["jackfield_requests_total:cancelled"]
    for number in range(4):  # connections of either front
        with Raw(live) as raw:
            raw.send(ENDLESS)
            assert b"data:" in raw.socket.recv(65536) + raw.socket.recv(65536)
        until(partial(cancelled, live, before + number + 1), "the stream to be cancelled")
    survived(live, "m")


def test_overload_is_said_and_a_deadline_is_kept(live: Live) -> None:
    shed = "jackfield_requests_refused_total:shed"
    before = quiet(live, "slow")[shed]
    refused: list[Answer] = []

    def ask(_: int) -> int:
        answer = live.infer("slow", content(0.2))
        if answer.status != 200:
            refused.append(answer)
        return answer.status

    def some_are_refused() -> bool:
        with ThreadPoolExecutor(6) as pool:
            assert set(pool.map(ask, range(6))) <= {200, 503}
        return bool(refused)

    until(some_are_refused, "a queue to be full")
    for answer in refused:
        assert answer.headers["retry-after"].isdigit()
        assert "1 requests wait for model 'slow', at most 1 may" in answer.json["error"]
    until(lambda: quiet(live, "slow")[shed] == before + len(refused), "the refusals to be counted")
    late = live.infer("double", {**content(1.0), "parameters": {"timeout": 1}})
    assert "Request timeout expired" in late.json["error"]
    survived(live, "slow", "double")


def test_connections_of_all_fronts_are_counted_and_limited_together(live: Live, client: Any) -> None:
    del client  # its connection is one of them
    until(lambda: sum(told(live, "jackfield_front_connections").values()) <= 3, "earlier connections to end")
    refused = sum(told(live, "jackfield_front_connections_refused_total").values())
    held = [Raw(live) for _ in range(3 * MOST)]
    try:
        statuses = [raw.send(head("GET", "/v2/health/live")).answer("GET").status for raw in held]
        assert statuses.count(503) >= 2 * MOST
        assert 200 in statuses
    finally:
        for raw in held:
            raw.close()
    until(lambda: sum(told(live, "jackfield_front_connections").values()) <= 3, "the connections to end")
    more = sum(told(live, "jackfield_front_connections_refused_total").values()) - refused
    assert more >= 2 * MOST
    assert set(told(live, "jackfield_front_requests_total")) == {"0", "1"}


def test_a_front_that_is_killed_takes_its_requests_with_it_and_comes_back(live: Live) -> None:
    before = quiet(live, "m")["jackfield_requests_total:cancelled"]
    raws = [Raw(live) for _ in range(6)]
    try:
        for raw in raws:
            raw.send(ENDLESS)
            assert raw.socket.recv(16)
        for number, pid in fronts(live).items():
            os.kill(pid, signal.SIGKILL)
            until(partial(another, live, number, pid), "the front to come back")
        until(partial(cancelled, live, before + len(raws)), "their requests to be cancelled")
    finally:
        for raw in raws:
            raw.close()
    with neighbour(live):
        assert live.ask("GET", "/v2/health/ready").status == 200
    survived(live, "m", "double")


def test_reload_reaches_the_fronts(language: Path, tmp_path: Path) -> None:
    config = {"server": {"workers": 2, "port": 0}, "models": {"double": DOUBLE}, "log": {"format": "json"}}
    with launched(config, tmp_path) as own:
        most = own.ask("GET", "/v2/models/double/config").json["max_batch_size"]
        changed = {**DOUBLE, "batching": {"policy": "dynamic", "max_batch_size": most // 2}}
        (tmp_path / "jackfield.yaml").write_text(json.dumps({**config, "models": {"double": changed}}))
        own.process.send_signal(signal.SIGHUP)

        def half() -> bool:
            asked = [own.ask("GET", "/v2/models/double/config").json["max_batch_size"] for _ in range(8)]
            return set(asked) == {most // 2}

        until(half, "all fronts to know")


@needs_openssl
def test_keys_and_https(tmp_path: Path) -> None:
    first, own = certificate(tmp_path, "first")
    key = new_key()
    (tmp_path / "keys.yaml").write_text(json.dumps({"alice": {"hash": hashed(key), "rights": ["metrics"]}}))
    files = {"certificate": first.name, "key": own.name}
    config = {"server": {"workers": 2, "tls": files, "keys": {"file": "keys.yaml"}}, "models": {"double": DOUBLE}}
    with launched(config, tmp_path, key=key, tls=ssl.create_default_context(cafile=str(first))) as own_server:
        stranger = replace(own_server, key="")
        for _ in range(6):  # connections of either front
            for path in ("/v2", "/v2/health/live", "/v2/models/double", "/v1/models", "/metrics", "/nothing"):
                assert stranger.ask("GET", path).status == 401
            assert stranger.infer("double", content(7.0)).status == 401
            assert own_server.infer("double", content(7.0)).json["outputs"][0]["data"] == doubled(7.0)
        assert own_server.statistics("double")["jackfield_requests_total:completed"] == 6


def test_keys_that_come_later_are_asked_for_by_all(tmp_path: Path) -> None:
    config: dict[str, Any] = {"server": {"workers": 2, "port": 0}, "models": {"double": DOUBLE}}
    key = new_key()
    with launched(config, tmp_path) as own:
        with Raw(own) as raw:
            for _ in range(3):  # its head is known from here on
                assert raw.send(post("double", rows(1.0))).answer().status == 200
            (tmp_path / "keys.yaml").write_text(json.dumps({"alice": {"hash": hashed(key)}}))
            config["server"]["keys"] = {"file": "keys.yaml"}
            (tmp_path / "jackfield.yaml").write_text(json.dumps({**config, "log": {"format": "json"}}))
            own.process.send_signal(signal.SIGHUP)
            until(lambda: raw.send(post("double", rows(1.0))).answer().status == 401, "the key to be asked for")
        until(lambda: {own.ask("GET", "/v2").status for _ in range(8)} == {401}, "all fronts to ask for it")
        assert replace(own, key=key).infer("double", content(7.0)).status == 200


def refuses(port: int) -> bool:
    """Whether nobody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("how", ["once", "twice", "killed"])
def test_nothing_is_left_behind(language: Path, tmp_path: Path, how: str) -> None:
    with launched(configured(language), tmp_path) as own:
        pids = [*fronts(own).values()]
        below = [own.process.pid, *children(own.process.pid)]
        assert set(pids) < set(below)
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(own.infer("slow", content(1.0)).status))
        with Raw(own) as stream:
            if how != "once":
                stream.send(ENDLESS)
                assert stream.socket.recv(16)
            else:
                asking.start()
                until(
                    lambda: bool(answers) or own.statistics("slow")["jackfield_outstanding_requests"] == 1,
                    "the request to run",
                )
            if how == "killed":
                own.process.kill()
            else:
                own.process.terminate()
            if how == "twice":
                time.sleep(0.1)
                own.process.terminate()
            code = own.process.wait(PATIENCE)
        gone(below)
        if how == "once":
            asking.join(PATIENCE)
            assert answers == [200]
            assert code == 0
        # a process that has ended may have threads left for a moment, which close what it had open
        until(lambda: refuses(own.port), "its port to be free")
