"""Requests of many lengths in shared, padded steps, over HTTP: each is answered as by the model alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from tests.e2e.launch import Live, launched

EXAMPLES = Path(__file__).parents[2] / "examples"
onnxruntime = pytest.importorskip("onnxruntime")
CLIENTS = 16


def _tokens(number: int) -> NDArray[np.int64]:
    random = np.random.default_rng(number)
    return random.integers(5, 20_000, (1 + number % 2, int(random.integers(3, 70))), dtype=np.int64)


def _tensor(name: str, array: NDArray[Any], datatype: str) -> dict[str, Any]:
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "data": array.ravel().tolist()}


def _embedding(live: Live, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    inputs = [_tensor("input_ids", ids, "INT64"), _tensor("attention_mask", np.ones_like(ids), "INT64")]
    answer = live.infer("minilm", {"inputs": inputs})
    assert answer.status == 200, answer.body
    output = answer.json["outputs"][0]
    return np.array(output["data"], np.float32).reshape(output["shape"])


def test_minilm_of_mixed_lengths_is_answered_as_alone(minilm_onnx: Path, tmp_path: Path) -> None:
    pad = {"buckets": {"multiples_of": 16, "up_to": 80}, "budget": 0.3}
    batching = {"policy": "dynamic", "max_batch_size": 16, "max_delay_ms": 50, "pad": pad}
    config = {"models": {"minilm": {"source": str(minilm_onnx), "batching": batching}}, "observers": {"prometheus": {}}}
    asked = [_tokens(number) for number in range(64)]
    with launched(config, tmp_path) as live, ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda ids: _embedding(live, ids), asked))
        counts = live.statistics("minilm")
    session = onnxruntime.InferenceSession(str(minilm_onnx), providers=["CPUExecutionProvider"])
    for ids, answer in zip(asked, answers, strict=True):
        (alone,) = session.run(["embedding"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        assert answer.shape == alone.shape
        assert np.abs(answer - alone).max() < 1e-4
    assert counts["jackfield_requests_total:completed"] == 64
    assert counts["jackfield_steps_total"] < 48, "hardly anything was joined"
    padding, elements = counts["jackfield_padding_elements_total"], counts["jackfield_padded_input_elements_total"]
    assert elements - padding == sum(2 * ids.size for ids in asked)
    assert 0 < padding <= 0.3 * elements


def test_the_example_serves_rows_of_any_length(tmp_path: Path) -> None:
    config = yaml.safe_load((EXAMPLES / "padding.yaml").read_text())
    for model in config["models"].values():
        model["source"] = f"{EXAMPLES / model['source']}"

    def ask(number: int) -> None:
        x = np.arange(1, 2 + number % 9, dtype=np.float32)[np.newaxis] * (number + 1)
        inputs = [_tensor("x", x, "FP32"), _tensor("mask", np.ones_like(x, np.int64), "INT64")]
        answer = live.infer("average", {"inputs": inputs, "parameters": {"language": "de" if number % 2 else "en"}})
        assert answer.status == 200, answer.body
        outputs = {output["name"]: output["data"] for output in answer.json["outputs"]}
        assert outputs["weighted"] == x.ravel().tolist()
        assert outputs["average"] == pytest.approx([x.mean()])

    with launched(config, tmp_path) as live, ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(ask, range(60)))
        counts = live.statistics("average")
    assert counts["jackfield_requests_total:completed"] == 60
    assert counts["jackfield_steps_total"] < 60
    assert 0 < counts["jackfield_padding_elements_total"] <= 0.25 * counts["jackfield_padded_input_elements_total"]
