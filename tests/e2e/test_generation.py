"""A model that generates behind a real server: tritonclient on `infer`, streams over sockets, and clients that go."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.e2e.launch import Live, launched
from tests.plugins.generation import smollm2, tiny

PATIENCE = 60.0
TOKENS = np.array([5, 9, 40, 7], np.int32)
GREEDY = {"temperature": 0, "max_tokens": 8, "ignore_eos": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A tiny Llama with a long context, so that nobody who goes has had all of an answer."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny.save("llama-tied", folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_position_embeddings": 32768}))
    config = {
        "models": {"m": {"source": str(folder), "backend": {"name": "torch-decoder", "kv_cache_mib": 512}}},
        "observers": {"prometheus": {"vllm_names": True}},
    }
    with launched(config, tmp_path_factory.mktemp("server")) as live:
        yield live


@pytest.fixture(scope="module")
def client(server: Live) -> Iterator[Any]:
    made = triton.InferenceServerClient(server.url)
    yield made
    made.close()


def prompt(binary: bool = True) -> Any:
    one = triton.InferInput("tokens", [len(TOKENS)], "INT32")
    one.set_data_from_numpy(TOKENS, binary_data=binary)
    return one


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_infer_on_tokens(server: Live, client: Any, binary_in: bool, binary_out: bool) -> None:
    wanted = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("tokens", "text")]
    result = client.infer("m", [prompt(binary_in)], outputs=wanted, parameters=GREEDY, request_id="r")
    body = json.dumps({"tokens": TOKENS.tolist(), **GREEDY}).encode()
    answer = server.ask("POST", "/v2/models/m/generate", body).json["text_output"]
    (text,) = result.as_numpy("text").tolist()
    assert (text.decode() if isinstance(text, bytes) else text) == answer
    assert result.as_numpy("tokens").dtype == np.int32
    assert result.as_numpy("tokens").shape == (8,)
    told = result.get_response()
    assert told["id"] == "r"
    assert told["parameters"]["finish_reason"] == "length"
    assert (told["parameters"]["prompt_tokens"], told["parameters"]["completion_tokens"]) == (4, 8)


def test_infer_gives_the_outputs_that_are_asked_for(client: Any) -> None:
    result = client.infer("m", [prompt()], outputs=[triton.InferRequestedOutput("text")], parameters=GREEDY)
    assert [one["name"] for one in result.get_response()["outputs"]] == ["text"]
    everything = client.infer("m", [prompt()], parameters=GREEDY).get_response()
    assert [one["name"] for one in everything["outputs"]] == ["tokens", "text"]
    with pytest.raises(InferenceServerException, match="parameter 'temperature' must be at least 0") as caught:
        client.infer("m", [prompt()], parameters={"temperature": -1.0})
    assert caught.value.status() == "400"


def test_metadata_of_a_model_that_generates(client: Any) -> None:
    assert "generate" in client.get_server_metadata()["extensions"]
    model = client.get_model_metadata("m")
    assert model["inputs"] == [{"name": "tokens", "datatype": "INT32", "shape": [-1]}]
    assert [one["name"] for one in model["outputs"]] == ["tokens", "text"]
    config = client.get_model_config("m")
    assert (config["backend"], config["max_batch_size"]) == ("torch-decoder", 0)
    assert config["input"] == [{"name": "tokens", "data_type": "TYPE_INT32", "dims": [-1]}]


def begun(server: Live, route: str, **parameters: Any) -> socket.socket:
    """A client that has sent its request, and read the beginning of the answer if there is to be one at once."""
    body = json.dumps(
        {"text_input": "the quick brown fox", "temperature": 0, "ignore_eos": True, **parameters}
    ).encode()
    head = f"POST /v2/models/m/{route} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    connection.sendall(head.encode() + body)
    if route == "generate_stream":
        read = b""
        while b"data: " not in read:
            read += connection.recv(4096)
        assert read.startswith(b"HTTP/1.1 200")
    return connection


def gauges(server: Live) -> dict[str, float]:
    """What is running, waiting and held, by name."""
    names = ("jackfield_generations_running", "jackfield_generations_waiting", "jackfield_kv_cache_usage_ratio")
    theirs = ("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc")
    found: dict[str, float] = {}
    for line in server.ask("GET", "/metrics").body.decode().splitlines():
        if line.startswith((*names, *theirs)):
            name, value = line.rsplit(" ", 1)
            found[name.split("{", 1)[0]] = float(value)
    assert len(found) == 6
    return found


def test_after_clients_have_gone_nothing_runs_waits_or_is_held(server: Live) -> None:
    before = server.statistics("m")["jackfield_requests_total:cancelled"]
    clients = [begun(server, "generate_stream", max_tokens=30000) for _ in range(6)]
    clients += [begun(server, "generate", max_tokens=30000) for _ in range(2)]
    until = time.monotonic() + PATIENCE
    while gauges(server)["vllm:num_requests_running"] < 8 and time.monotonic() < until:
        pass
    during = gauges(server)
    assert during["jackfield_generations_running"] == 8
    assert during["jackfield_kv_cache_usage_ratio"] == during["vllm:kv_cache_usage_perc"] > 0
    for one in clients:
        one.close()
    while any(gauges(server).values()) and time.monotonic() < until:
        pass
    assert set(gauges(server).values()) == {0.0}
    assert server.statistics("m")["jackfield_requests_total:cancelled"] - before == 8


@pytest.mark.slow
def test_smollm2_says_something(tmp_path: Path) -> None:
    config = {"models": {"smol": {"source": str(smollm2.path())}}}
    with launched(config, tmp_path) as live:
        asked = {"text_input": "The capital of France is", "parameters": {"temperature": 0, "max_tokens": 8}}
        body = json.dumps(asked).encode()
        answer = live.ask("POST", "/v2/models/smol/generate", body).json
        assert "Paris" in answer["text_output"]
        stream = live.ask("POST", "/v2/models/smol/generate_stream", body)
        told = [json.loads(part.removeprefix("data: ")) for part in stream.body.decode().strip().split("\n\n")]
        assert "".join(one["text_output"] for one in told) == answer["text_output"]
