"""One hundred clients at once, each with inputs of its own; some leave, some send nonsense, one is poison."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.e2e.company import quiet, refusal, survived
from tests.e2e.launch import Answer, Live, launched
from tests.e2e.sockets import Raw, content, doubled, post

CLIENTS, ROUNDS = 100, 3
LEAVING, MALFORMED = range(60, 80), range(80, 95)
POISON, BESIDE = 95, range(96, 100)  # clients of another model
Tokens = tuple[NDArray[np.int64], NDArray[np.int64]]


@pytest.fixture(scope="module")
def crowded(minilm_onnx: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """MiniLM, and a model that raises."""
    models = {
        "minilm": {"source": str(minilm_onnx)},
        "double": {"source": f"{Path(__file__).parent / 'models.py'}:Double"},
    }
    with launched({"models": models}, tmp_path_factory.mktemp("crowd")) as live:
        yield live


def tokens(client: int, turn: int) -> Tokens:
    """What this client asks in this turn: of one of three lengths, so that most can share a step with others."""
    random = np.random.default_rng([client, turn])
    length = int(random.choice([8, 16, 24]))
    ids = random.integers(1000, 30000, (1, length))
    mask = (np.arange(length) < random.integers(2, length + 1)).astype(np.int64)[None]
    return ids, mask


def as_json(asked: Tokens) -> Mapping[str, Any]:
    names = ("input_ids", "attention_mask")
    return {
        "inputs": [
            {"name": name, "shape": array.shape, "datatype": "INT64", "data": array.ravel().tolist()}
            for name, array in zip(names, asked, strict=True)
        ]
    }


def as_binary(asked: Tokens) -> tuple[bytes, int]:
    names = ("input_ids", "attention_mask")
    inputs = [
        {"name": name, "shape": array.shape, "datatype": "INT64", "parameters": {"binary_data_size": array.nbytes}}
        for name, array in zip(names, asked, strict=True)
    ]
    text = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    return text + b"".join(array.astype("<i8").tobytes() for array in asked), len(text)


class Client:
    """One of the crowd, on a connection of its own."""

    def __init__(self, live: Live, number: int) -> None:
        self.live = live
        self.number = number
        self.connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=60)

    def ask(self, model: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        self.connection.request("POST", f"/v2/models/{model}/infer", body, dict(headers or {}))
        response = self.connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def embed(self, turn: int) -> NDArray[np.float32]:
        """The embedding, asked for as JSON or as binary data in turns."""
        asked = tokens(self.number, turn)
        if (self.number + turn) % 2:
            answer = self.ask("minilm", json.dumps(as_json(asked)).encode())
            assert answer.status == 200, answer.body
            return np.array(answer.json["outputs"][0]["data"], np.float32)
        body, length = as_binary(asked)
        answer = self.ask("minilm", body, {"inference-header-content-length": str(length)})
        assert answer.status == 200, answer.body
        return np.frombuffer(answer.body[int(answer.headers["inference-header-content-length"]) :], "<f4")

    def leave(self, turn: int) -> None:
        """Ask and go, with nothing, a part or all of the request sent."""
        body = json.dumps(as_json(tokens(self.number, turn))).encode()
        request = post("minilm", body)
        with Raw(self.live) as raw:
            raw.send(request[: len(request) * (self.number % 5) // 4])

    def send_nonsense(self, turn: int) -> None:
        """One of many mistakes, each answered with what is wrong."""
        good = as_json(tokens(self.number, turn))
        wrong: list[tuple[bytes, int]] = [
            (b"{", 400),
            (b"\xff" * 500, 400),
            (json.dumps({"inputs": good["inputs"][:1]}).encode(), 400),
            (json.dumps(good).replace("INT64", "FP32").encode(), 400),
            (json.dumps(good).replace('"shape": [1', '"shape": [-1').encode(), 400),
            (json.dumps(good).replace("[1, ", "[2, ").encode(), 400),
            (json.dumps({**good, "parameters": {"sequence_id": 1}}).encode(), 501),
        ]
        body, status = wrong[(self.number + turn) % len(wrong)]
        refusal(self.ask("minilm", body), status)

    def poison(self, turn: int) -> None:
        """Make the model raise."""
        answer = self.ask("double", json.dumps(content(666)).encode())
        assert refusal(answer, 500) == "the model raised ValueError: poison in <path>"

    def double(self, turn: int) -> None:
        """Ask beside the poison."""
        answer = self.ask("double", json.dumps(content(turn)).encode())
        assert (answer.status, answer.json["outputs"][0]["data"]) == (200, doubled(turn))


def test_a_hundred_clients_at_once(crowded: Live, minilm_onnx: Path) -> None:
    start = threading.Barrier(CLIENTS)
    given: dict[tuple[int, int], NDArray[np.float32]] = {}

    def task(client: Client) -> Callable[[int], None]:
        def embed(turn: int) -> None:
            given[client.number, turn] = client.embed(turn)

        number = client.number
        if number in LEAVING:
            return client.leave
        if number in MALFORMED:
            return client.send_nonsense
        if number == POISON:
            return client.poison
        return client.double if number in BESIDE else embed

    def run(number: int) -> None:
        client = Client(crowded, number)
        try:
            client.connection.connect()
            start.wait(60)
            for turn in range(ROUNDS):
                task(client)(turn)
        finally:
            client.connection.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        for outcome in [pool.submit(run, number) for number in range(CLIENTS)]:
            outcome.result()

    assert len(given) == 60 * ROUNDS
    for (number, turn), expected in alone(minilm_onnx, list(given)).items():
        np.testing.assert_allclose(given[number, turn], expected, atol=1e-5, err_msg=f"client {number}, turn {turn}")
    counts = quiet(crowded, "minilm")
    assert counts["jackfield_requests_total:failed"] == counts["jackfield_requests_total:expired"] == 0
    assert counts["jackfield_requests_total:completed"] >= len(given)
    assert counts["jackfield_steps_total"] < counts["jackfield_rows_total"]  # they did share steps
    assert quiet(crowded, "double")["jackfield_requests_total:failed"] == ROUNDS
    survived(crowded, "minilm", "double")


def alone(path: Path, asked: list[tuple[int, int]]) -> Mapping[tuple[int, int], NDArray[np.float32]]:
    """What the runtime itself answers to each, one by one."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = {}
    for number, turn in asked:
        ids, mask = tokens(number, turn)
        found[number, turn] = session.run(["embedding"], {"input_ids": ids, "attention_mask": mask})[0][0]
    return found
