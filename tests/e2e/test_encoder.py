"""MiniLM with text through Open Inference, as the example serves it: tritonclient, JSON, and many at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
import yaml
from tritonclient.utils import InferenceServerException

from jackfield import Array
from tests.e2e.launch import Live, launched
from tests.plugins.encoding import folders, minilm

EXAMPLE = Path(__file__).parents[2] / "examples" / "encoder.yaml"
TEXTS = ["Hello, world!", "", "日本語 and naïve cafés", *(minilm.text(n, n) for n in (2, 17, 40, 90))]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    config = yaml.safe_load(EXAMPLE.read_text())
    environ = {**os.environ, "ENCODER": str(minilm.FOLDER)}
    with launched(config, tmp_path_factory.mktemp("encoder"), environ=environ) as server:
        yield server


@pytest.fixture(scope="module")
def client(live: Live) -> Iterator[Any]:
    made = triton.InferenceServerClient(live.url, concurrency=8)
    yield made
    made.close()


@pytest.fixture(scope="module")
def expected() -> list[Array]:
    return [minilm.embedding(minilm.tokenizer().encode(text).ids) for text in TEXTS]


def given(name: str, array: Array, binary: bool = True) -> list[Any]:
    one = triton.InferInput(name, list(array.shape), "BYTES" if name == "text" else "INT32")
    one.set_data_from_numpy(array, binary_data=binary)
    return [one]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_texts(client: Any, expected: list[Array], binary_in: bool, binary_out: bool) -> None:
    wanted = [triton.InferRequestedOutput("embedding", binary_data=binary_out)]
    result = client.infer("minilm", given("text", folders.texts(*TEXTS), binary_in), outputs=wanted)
    np.testing.assert_allclose(result.as_numpy("embedding"), expected, atol=1e-5)


def test_tokens_of_several_lengths(client: Any, expected: list[Array]) -> None:
    tokens = folders.filled([minilm.tokenizer().encode(text).ids for text in TEXTS])
    result = client.infer("minilm", given("tokens", tokens))
    np.testing.assert_allclose(result.as_numpy("embedding"), expected, atol=1e-5)


def test_metadata_shows_the_signature(client: Any) -> None:
    assert client.get_model_metadata("minilm") == {
        "name": "minilm",
        "versions": ["1"],
        "platform": "encoder_encoder",
        "inputs": [
            {"name": "tokens", "datatype": "INT32", "shape": [-1, -1]},
            {"name": "text", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [{"name": "embedding", "datatype": "FP32", "shape": [-1, 384]}],
    }
    inputs = client.get_model_config("minilm")["input"]
    assert [(one["name"], one["optional"]) for one in inputs] == [("tokens", True), ("text", True)]


def test_many_at_once_of_any_lengths(live: Live, expected: list[Array]) -> None:
    before = live.statistics("minilm")
    long = "word " * 300

    def ask(number: int) -> Array | str:
        text = long if number % 7 == 3 else TEXTS[number % len(TEXTS)]
        answer = live.infer("minilm", {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}]})
        if answer.status != 200:
            return f"{answer.status} {answer.json['error']}"
        return np.array(answer.json["outputs"][0]["data"], np.float32)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(96)))
    for number, answer in enumerate(answers):
        if number % 7 == 3:
            assert answer == "400 text 0 has 302 tokens, and the model takes at most 256: shorten it"
        else:
            assert isinstance(answer, np.ndarray)
            np.testing.assert_allclose(answer, expected[number % len(TEXTS)], atol=1e-5)
    after = live.statistics("minilm")
    failed = sum(number % 7 == 3 for number in range(96))
    key = "jackfield_requests_total:"
    assert after[f"{key}failed"] - before.get(f"{key}failed", 0) == failed
    assert after[f"{key}completed"] - before[f"{key}completed"] == 96 - failed
    steps = after["jackfield_steps_total"] - before["jackfield_steps_total"]
    assert steps < 96, "lengths kept texts apart"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (given("text", folders.texts("fine", b"\xff\xfe")), r"input 'text': text 1 is not UTF-8 \(invalid start byte"),
        (given("text", folders.texts("word " * 100_000)), r"text 0 has 500000 bytes, and at most \d+ are looked at"),
        (given("text", folders.texts(*["a"] * 33)), "33"),
        (
            given("tokens", np.array([[5, 40_000]], np.int32)),
            "input 'tokens': text 0 has the token 40000, and those of",
        ),
        (
            [*given("text", folders.texts("a")), *given("tokens", np.array([[5]], np.int32))],
            "a request has either the input 'text' or the input 'tokens', and this has both",
        ),
    ],
)
def test_what_is_wrong_is_said(client: Any, inputs: list[Any], message: str) -> None:
    with pytest.raises(InferenceServerException, match=message) as caught:
        client.infer("minilm", inputs)
    assert caught.value.status() in ("400", "413")


def test_lone_surrogates_in_json(live: Live, client: Any, expected: list[Array]) -> None:
    body = rb'{"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a\ud800"]}]}'
    answer = live.ask("POST", "/v2/models/minilm/infer", body)
    assert answer.status == 400
    assert set(answer.json) == {"error"}
    result = client.infer("minilm", given("text", folders.texts(TEXTS[0])))
    np.testing.assert_allclose(result.as_numpy("embedding")[0], expected[0], atol=1e-5)
