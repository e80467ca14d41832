"""Keys, asked for on every way into a real server: threats 1, 9, 10 and 23 of a server that strangers reach."""

from __future__ import annotations

import http.client
import json
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
import tritonclient.http as triton
import yaml
from tritonclient.utils import InferenceServerException

from jackfield.keys.hashing import hashed, new_key
from tests.e2e.company import refusal, until
from tests.e2e.conftest import DOUBLE, FICKLE
from tests.e2e.hostile import RAISES
from tests.e2e.launch import Live, launched
from tests.e2e.sockets import Raw, content, doubled, head, post, rows
from tests.plugins.generation import tiny

ALICE, BOB, OPS, LITTLE = (new_key() for _ in range(4))
ENTRIES: Mapping[str, Any] = {
    "alice": {"hash": hashed(ALICE)},
    "bob": {"hash": hashed(BOB), "models": ["dou*"]},
    "ops": {"hash": hashed(OPS), "rights": ["metrics"], "models": []},
    "little": {"hash": hashed(LITTLE), "quota": {"tokens_per_minute": 12}},
}
PATHS = (
    "/",
    "/v2",
    "/v2/",
    "//v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/health/live/",
    "/v2/health/ready?key=1",
    "/v2/models/double",
    "/v2/models/double/infer",
    "/v2/models/stats",
    "/v2/repository/index",
    "/v1/models",
    "/v1/chat/completions",
    "/tokenize",
    "/metrics",
    "/metrics/",
    "/%6detrics",
    "/docs",
    "/openapi.json",
    "/favicon.ico",
    "/admin",
    "/v2/%2e%2e/metrics",
    "/v2/../v2",
    "/nothing/at/all",
    "http://elsewhere/v2/health/live",
    "/%00",
    "*",
)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def write(folder: Path, entries: Mapping[str, Any]) -> None:
    (folder / "keys.yaml").write_text(yaml.safe_dump(dict(entries)))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with keys: `double`, `fickle` and a tiny Llama."""
    folder, llama = tmp_path_factory.mktemp("guarded"), tmp_path_factory.mktemp("llama")
    tiny.save("llama-tied", llama)
    write(folder, ENTRIES)
    generator = {"source": str(llama), "backend": {"name": "torch-decoder", "kv_cache_mib": 64}}
    config = {
        "server": {"keys": {"file": "keys.yaml"}},
        "models": {"double": DOUBLE, "fickle": FICKLE, "tiny": generator},
        "endpoints": {"open-inference": {"tenant_header": "X-Tenant"}, "openai": {}, "metrics": {}},
        "observers": {"prometheus": {}, "access-log": {"requests": "all"}},
    }
    with launched(config, folder, key=ALICE) as live:
        yield live


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
def test_nothing_is_served_without_a_key(guarded: Live, method: str) -> None:
    for path in PATHS:
        for given in ({}, {"Authorization": f"Bearer {ALICE[:-1]}"}, {"Authorization": ALICE}, {"X-Api-Key": ALICE}):
            headers = {"Host": "localhost/v2/health/live", "Content-Length": "0", **given}
            with Raw(guarded) as raw:
                answer = raw.send(head(method, path, *headers.items())).answer(method)
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer"), path
            assert ALICE.encode() not in answer.body


def test_an_upgrade_is_not_a_way_in(guarded: Live) -> None:
    for upgrade in ("websocket", "h2c"):
        headers = {"Upgrade": upgrade, "Connection": "Upgrade", "Sec-WebSocket-Key": "x", "Sec-WebSocket-Version": "13"}
        with Raw(guarded) as raw:
            assert raw.send(head("GET", "/v2/models/double", *headers.items())).answer("GET").status == 401


def test_a_body_that_nobody_may_send_is_not_waited_for(guarded: Live) -> None:
    with Raw(guarded) as raw:
        answer = raw.send(head("POST", "/v2/models/double/infer", ("Content-Length", 10**7))).answer()
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        assert raw.is_closed


def test_each_protocol_says_no_in_its_own_words(guarded: Live) -> None:
    wrong = bearer("jf-wrong")
    assert refusal(guarded.ask("GET", "/v2", headers=wrong), 401) == "the key is not known here"
    error = guarded.ask("GET", "/v1/models", headers=wrong).json["error"]
    assert (error["code"], error["type"]) == ("invalid_api_key", "invalid_request_error")
    assert refusal(guarded.ask("GET", "/metrics"), 403) == "key 'alice' has not been given the right 'metrics'"
    answer = guarded.ask("GET", "/metrics", headers=bearer(OPS))  # all of it, though it may use no model
    assert (answer.status, b'jackfield_requests_total{model="double"' in answer.body) == (200, True)


def test_a_key_sees_its_models_only(guarded: Live) -> None:
    def names(key: str) -> tuple[set[str], set[str], set[str]]:
        index = guarded.ask("POST", "/v2/repository/index", b"{}", bearer(key)).json
        listed = guarded.ask("GET", "/v1/models", headers=bearer(key)).json["data"]
        stats = guarded.ask("GET", "/v2/models/stats", headers=bearer(key)).json["model_stats"]
        return {one["name"] for one in index}, {one["id"] for one in listed}, {one["name"] for one in stats}

    assert names(ALICE) == ({"double", "fickle", "tiny"},) * 3
    assert names(BOB) == ({"double"},) * 3
    assert names(OPS) == (set(),) * 3
    for path in ("", "/ready", "/config", "/stats", "/versions/1"):
        hidden, none = (guarded.ask("GET", f"/v2/models/{m}{path}", headers=bearer(BOB)) for m in ("fickle", "nobody"))
        assert (hidden.status, none.status) == (404, 404)
        assert hidden.body == none.body.replace(b"nobody", b"fickle")
    assert guarded.infer("fickle", content(1), **bearer(BOB)).status == 404
    assert guarded.infer("double", content(1), **bearer(BOB)).status == 200


def test_tritonclient_with_a_key(guarded: Live) -> None:
    client = triton.InferenceServerClient(guarded.url)
    one = triton.InferInput("x", [1, 4], "FP32")
    one.set_data_from_numpy(np.array([[7, 1, 2, 3]], np.float32))
    try:
        result = client.infer("double", [one], headers=bearer(ALICE))
        assert result.as_numpy(result.get_response()["outputs"][0]["name"]).ravel().tolist() == doubled(7)
        assert client.is_server_ready(headers=bearer(ALICE))
        assert not client.is_server_live()
        with pytest.raises(InferenceServerException, match="a key is needed"):
            client.infer("double", [one])
    finally:
        client.close()


def openai_client(live: Live, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://{live.url}/v1", api_key=key, max_retries=0, timeout=60)


def test_openais_client_with_a_key(guarded: Live) -> None:
    with openai_client(guarded, ALICE) as client:
        assert {model.id for model in client.models.list()} == {"double", "fickle", "tiny"}
        answer = client.completions.create(model="tiny", prompt="abc", max_tokens=3, user="somebody else")
        assert answer.usage is not None
        assert answer.usage.completion_tokens >= 1
    with openai_client(guarded, "jf-wrong") as client, pytest.raises(openai.AuthenticationError):
        client.models.list()
    with openai_client(guarded, BOB) as client, pytest.raises(openai.NotFoundError):
        client.completions.create(model="tiny", prompt="abc", max_tokens=3)


def test_tokens_that_are_used_up(guarded: Live) -> None:
    with openai_client(guarded, LITTLE) as client:
        stream = client.completions.create(
            model="tiny", prompt=[5, 9, 40, 7], max_tokens=40, stream=True, extra_body={"ignore_eos": True}
        )
        assert list(stream)
        with pytest.raises(openai.RateLimitError) as refused:
            client.completions.create(model="tiny", prompt=[5, 9], max_tokens=1)
        assert int(refused.value.response.headers["retry-after"]) > 60  # 32 of 12 a minute are to be paid off
        assert "12 tokens a minute" in str(refused.value)
        assert refused.value.code == "rate_limit_exceeded"
    answer = guarded.infer("tiny", {"inputs": []}, **bearer(LITTLE))
    assert "12 tokens a minute" in refusal(answer, 429)
    assert int(answer.headers["retry-after"]) > 60


def test_the_shortcut_lets_in_nobody_else(guarded: Live) -> None:
    def asked(key: str) -> bytes:
        return post("double", rows(7), ("Authorization", f"Bearer {key}"))

    with Raw(guarded) as raw:
        for _ in range(4):
            for key, status in ((ALICE, 200), (ALICE[:-1] + "~", 401), ("", 401), (BOB, 200), (OPS, 404)):
                assert raw.send(asked(key)).answer().status == status
            assert raw.send(post("double", rows(7))).answer().status == 401


def test_keys_stand_in_no_log_error_or_metric(guarded: Live) -> None:
    content_that_fails = {"id": ALICE[:8], **content(RAISES)}
    assert guarded.infer("fickle", content_that_fails).status == 500
    for headers in (bearer(ALICE), bearer("jf-unknown-" + ALICE), {"Authorization": f"Basic {ALICE}"}):
        for path in (f"/v2/models/{ALICE}", f"/{ALICE}", "/v2/models/x/infer"):
            answer = guarded.ask("POST", path, b"{}" * 9, headers)
            if ALICE not in path:
                assert ALICE.encode() not in answer.body
    log, metrics = guarded.log.read_text(), guarded.ask("GET", "/metrics", headers=bearer(OPS)).body.decode()
    for key in (ALICE, BOB, OPS, LITTLE):
        assert key not in log
        assert key not in metrics
        assert hashed(key) not in log + metrics
    assert 'jackfield_requests_turned_away_total{reason="unauthenticated"}' in metrics
    assert '"reason":"unauthenticated"' in log


def test_keys_are_read_again_also_on_the_shortcut(tmp_path: Path) -> None:
    write(tmp_path, {"alice": ENTRIES["alice"]})
    config = {"server": {"keys": {"file": "keys.yaml", "open_health": True}}, "models": {"double": DOUBLE}}
    one = post("double", rows(7), ("Authorization", f"Bearer {ALICE}"))
    with launched(config, tmp_path) as live, Raw(live) as raw:
        for _ in range(3):
            assert raw.send(one).answer().status == 200

        def reload(text: str, event: str) -> None:
            before = live.log.read_text().count(event)
            (tmp_path / "keys.yaml").write_text(text)
            live.process.send_signal(signal.SIGHUP)
            until(lambda: live.log.read_text().count(event) > before, event)

        reload(f"alice: {{hash: {ALICE}}}", '"not reloaded')
        assert raw.send(one).answer().status == 200
        assert ALICE not in live.log.read_text()
        reload("{}", '"not reloaded')
        (tmp_path / "keys.yaml").unlink()
        live.process.send_signal(signal.SIGHUP)
        until(lambda: "does not exist" in live.log.read_text(), "the file to be missed")
        assert raw.send(one).answer().status == 200
        reload(yaml.safe_dump({"bob": {"hash": hashed(BOB)}}), '"reloaded"')
        assert raw.send(one).answer().status == 401
        assert raw.send(one.replace(ALICE.encode(), BOB.encode())).answer().status == 200
        slow = {"requests_per_s": 0.01, "burst": 2}
        reload(yaml.safe_dump({"bob": {"hash": hashed(BOB), "quota": slow}}), '"reloaded"')
        mine = one.replace(ALICE.encode(), BOB.encode())
        answers = [raw.send(mine).answer() for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 429, 429]
        assert refusal(answers[-1], 429) == "key 'bob' may send 0.01 requests a second"
        file = tmp_path / "jackfield.yaml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "server": {"port": 0}}))
        live.process.send_signal(signal.SIGHUP)
        until(lambda: '"path":"server.keys"' in live.log.read_text(), "that it needs a restart to be said")
        assert live.ask("GET", "/v2").status == 401


def test_open_health_opens_two_paths_that_tell_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, {"alice": ENTRIES["alice"]})
    gone = {"source": f"{Path(__file__).parent / 'models.py'}:Gone"}
    config = {
        "server": {"keys": {"file": "keys.yaml", "open_health": True}, "exit_on_load_error": False},
        "models": {"double": DOUBLE, "secret": gone},
    }
    with launched(config, tmp_path, ready=False) as live:
        until(lambda: '"model is failed"' in live.log.read_text(), "the model to fail")
        assert live.ask("GET", "/v2/health/live").json == {"live": True}
        assert b"secret" not in live.ask("GET", "/v2/health/ready").body
        assert "'secret'" in live.ask("GET", "/v2/models/secret/ready", headers=bearer(ALICE)).json["error"]
        for path in (
            "/v2/health/live/",
            "/v2/health//live",
            "/v2/health",
            "/v2/models/double/ready",
            "//v2/health/live",
        ):
            assert live.ask("GET", path).status == 401, path
        connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
        connection.request("POST", "/v2/health/live/../../models/double/infer", json.dumps(content(1)))
        assert connection.getresponse().status == 401
        connection.close()


def test_what_is_wrong_with_keys_is_said_at_the_start(tmp_path: Path) -> None:
    write(tmp_path, {"alice": {"hash": ALICE}})
    config = {"server": {"keys": {"file": "keys.yaml"}}, "models": {"double": DOUBLE}}
    with pytest.raises(AssertionError) as failed, launched(config, tmp_path):
        pass
    assert "keys.yaml:2: alice.hash: got ***, expected" in str(failed.value)
    assert ALICE not in str(failed.value)
