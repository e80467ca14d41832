"""tritonclient against MiniLM: binary and JSON, sync and asyncio, with answers equal to the in-process ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from tests.e2e.launch import Live

IDS = [np.random.default_rng(seed).integers(5, 20000, (rows, 16)) for seed, rows in enumerate((1, 1, 3, 2))]


@pytest.fixture(scope="module")
def expected(minilm_onnx: Path) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(str(minilm_onnx), providers=["CPUExecutionProvider"])
    return [session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0] for ids in IDS]


@pytest.fixture(scope="module")
def client(minilm_server: Live) -> Iterator[Any]:
    client = triton.InferenceServerClient(minilm_server.url)
    yield client
    client.close()


def inputs(module: Any, ids: NDArray[np.int64], binary: bool = True) -> list[Any]:
    made = []
    for name, array in (("input_ids", ids), ("attention_mask", np.ones_like(ids))):
        one = module.InferInput(name, list(array.shape), "INT64")
        one.set_data_from_numpy(array, binary_data=binary)
        made.append(one)
    return made


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_answers_are_the_in_process_ones(
    client: Any, expected: list[NDArray[np.float32]], binary_in: bool, binary_out: bool
) -> None:
    wanted = [triton.InferRequestedOutput("embedding", binary_data=binary_out)]
    for ids, right in zip(IDS, expected, strict=True):
        result = client.infer("minilm", inputs(triton, ids, binary_in), outputs=wanted, request_id="r1")
        assert result.get_response()["id"] == "r1"
        np.testing.assert_allclose(result.as_numpy("embedding"), right, atol=1e-5)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compression_both_ways(client: Any, expected: list[NDArray[np.float32]], algorithm: str) -> None:
    result = client.infer(
        "minilm",
        inputs(triton, IDS[2]),
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    np.testing.assert_allclose(result.as_numpy("embedding"), expected[2], atol=1e-5)


def test_asyncio_client_at_once(minilm_server: Live, expected: list[NDArray[np.float32]]) -> None:
    async def main() -> None:
        async with triton_aio.InferenceServerClient(minilm_server.url) as client:
            results = await asyncio.gather(
                *(client.infer("minilm", inputs(triton_aio, IDS[n % 4], binary=n % 3 > 0)) for n in range(24))
            )
            for n, result in enumerate(results):
                np.testing.assert_allclose(result.as_numpy("embedding"), expected[n % 4], atol=1e-5)
            assert await client.is_server_ready()
            assert await client.is_model_ready("minilm")

    asyncio.run(main())


def test_metadata(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("minilm", "1")
    server = client.get_server_metadata()
    assert server["name"] == "jackfield"
    assert "binary_tensor_data" in server["extensions"]
    model = client.get_model_metadata("minilm")
    assert model["versions"] == ["1"]
    assert {one["name"]: one["shape"] for one in model["inputs"]} == {"input_ids": [-1, -1], "attention_mask": [-1, -1]}
    assert model["outputs"] == [{"name": "embedding", "datatype": "FP32", "shape": [-1, 384]}]
    config = client.get_model_config("minilm")
    assert config["max_batch_size"] == 32
    assert client.get_model_repository_index() == [{"name": "minilm", "version": "1", "state": "READY", "reason": ""}]


def test_statistics_count_rows_and_steps(client: Any) -> None:
    before = client.get_inference_statistics("minilm")["model_stats"][0]
    client.infer("minilm", inputs(triton, IDS[2]))
    after = client.get_inference_statistics("minilm", "1")["model_stats"][0]
    assert after["inference_count"] - before["inference_count"] == 3
    assert after["execution_count"] - before["execution_count"] == 1
    success = after["inference_stats"]["success"]
    phases = [after["inference_stats"][name]["ns"] for name in ("queue", "compute_input", "compute_infer")]
    assert success["count"] == before["inference_stats"]["success"]["count"] + 1
    assert 0 < sum(phases) <= success["ns"]
    assert any(one["batch_size"] == 3 for one in after["batch_stats"])


def test_classification(client: Any, expected: list[NDArray[np.float32]]) -> None:
    wanted = [triton.InferRequestedOutput("embedding", class_count=2)]
    rows = client.infer("minilm", inputs(triton, IDS[2]), outputs=wanted).as_numpy("embedding")
    assert rows.shape == (3, 2)
    for row, right in zip(rows, expected[2], strict=True):
        value, index = row[0].decode().split(":")[:2]
        assert int(index) == int(right.argmax())
        assert float(value) == pytest.approx(float(right.max()), abs=1e-4)


@pytest.mark.parametrize(
    ("model", "version", "message"),
    [("nothing", "", "Request for unknown model: 'nothing' is not found"), ("minilm", "7", "version '7' is not found")],
)
def test_errors_are_those_that_clients_expect(client: Any, model: str, version: str, message: str) -> None:
    with pytest.raises(InferenceServerException, match=message):
        client.infer(model, inputs(triton, IDS[0]), model_version=version)


def test_a_wrong_shape_names_the_input(client: Any) -> None:
    wrong = inputs(triton, IDS[0])
    wrong[1] = triton.InferInput("attention_mask", [1, 3], "INT64")
    wrong[1].set_data_from_numpy(np.ones((1, 3), np.int64))
    with pytest.raises(InferenceServerException, match="unexpected shape for input 'attention_mask'") as caught:
        client.infer("minilm", wrong)
    assert caught.value.status() == "400"


def test_timeout_in_microseconds_expires(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="Request timeout expired"):
        client.infer("minilm", inputs(triton, IDS[0]), timeout=1)
