"""The backend: Jackfield's contract, a server, and its errors."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from jackfield import Array, Artifact, Backend, Datatype, Device, Executor, Server
from jackfield.errors import LoadError
from jackfield.testing import BackendContract
from onnx import TensorProto, helper, numpy_helper

from jackfield_openvino.backend import OpenVinoBackend, OpenVinoOptions
from jackfield_openvino.devices import devices, own_name

FLOAT = TensorProto.FLOAT
CPU = next(device for device in devices() if device.kind == "cpu")


def saved(folder: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: list[Any]) -> Path:
    graph = helper.make_graph(nodes, "g", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(folder / "m.onnx"))
    return folder / "m.onnx"


def mlp(folder: Path) -> Path:
    """x [N, 16] to y [N, 4] and z [N]."""
    draw = np.random.default_rng(0)
    weights = [numpy_helper.from_array(draw.normal(size=(16, 4)).astype(np.float32), "w")]
    weights.append(numpy_helper.from_array(np.array([1], np.int64), "last"))
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("ReduceSum", ["y", "last"], ["z"], keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("x", FLOAT, ["N", 16])]
    outputs = [helper.make_tensor_value_info("y", FLOAT, ["N", 4]), helper.make_tensor_value_info("z", FLOAT, ["N"])]
    return saved(folder, nodes, inputs, outputs, weights)


def identity(folder: Path, element: int) -> Path:
    tensors = [helper.make_tensor_value_info(name, element, ["N", 2]) for name in ("a", "b")]
    return saved(folder, [helper.make_node("Identity", ["a"], ["b"])], tensors[:1], tensors[1:], [])


def artifact_of(path: Path) -> Artifact:
    return Artifact("onnx", path.name, path, None)


class TestContract(BackendContract):
    """What Jackfield promises of every backend."""

    def backend(self) -> Backend:
        return OpenVinoBackend(OpenVinoOptions())

    def artifact(self, folder: Path) -> Artifact:
        return artifact_of(mlp(folder))

    def faulty(self, executor: Executor) -> dict[str, Array] | None:
        return None

    def inputs(self, executor: Executor, rows: int, draw: random.Random) -> dict[str, Array]:
        return {"x": np.array([[draw.random() for _ in range(16)] for _ in range(rows)], np.float32).reshape(rows, 16)}


def test_the_processor_is_found() -> None:
    assert CPU.name == "cpu"
    assert CPU.description
    assert own_name(Device("gpu:1", "gpu")) == "GPU.1"


@pytest.mark.parametrize(
    ("element", "datatype", "values"),
    [
        (TensorProto.FLOAT, Datatype.FP32, [[1.5, -2.0]]),
        (TensorProto.INT64, Datatype.INT64, [[1, -(2**30)]]),
        (TensorProto.UINT8, Datatype.UINT8, [[1, 255]]),
        (TensorProto.BOOL, Datatype.BOOL, [[True, False]]),
        (TensorProto.FLOAT16, Datatype.FP16, [[1.5, -2.0]]),
    ],
)
def test_datatypes(tmp_path: Path, element: int, datatype: Datatype, values: Any) -> None:
    executor = OpenVinoBackend(OpenVinoOptions()).open(artifact_of(identity(tmp_path, element)), CPU)
    assert executor.signature.inputs[0].datatype is datatype
    given = np.array(values, datatype.numpy)
    (got,) = executor.run({"a": given}, ["b"]).values()  # type: ignore[attr-defined]  # a tensor executor
    assert got.dtype == given.dtype
    np.testing.assert_array_equal(got, given)


def test_what_it_cannot_take_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="input 'a' is of type bf16, which is none of the tensors"):
        OpenVinoBackend(OpenVinoOptions()).open(artifact_of(identity(tmp_path, TensorProto.BFLOAT16)), CPU)
    (tmp_path / "junk.onnx").write_bytes(b"junk" * 100)
    with pytest.raises(LoadError, match=r"OpenVINO cannot open 'junk\.onnx' on 'cpu'"):
        OpenVinoBackend(OpenVinoOptions()).open(artifact_of(tmp_path / "junk.onnx"), CPU)
    with pytest.raises(LoadError, match="on 'gpu:7'"):
        OpenVinoBackend(OpenVinoOptions()).open(artifact_of(mlp(tmp_path)), Device("gpu:7", "gpu"))


def test_a_compiled_model_is_kept(tmp_path: Path) -> None:
    backend = OpenVinoBackend(OpenVinoOptions(cache=str(tmp_path / "cache")))
    told: list[tuple[str, int, int]] = []
    assert backend.build(artifact_of(mlp(tmp_path)), CPU, lambda *one: told.append(one)) == "compiled for cpu"
    assert list((tmp_path / "cache").iterdir())
    assert told[-1] == ("compiling", 1, 1)
    assert OpenVinoBackend(OpenVinoOptions()).build(artifact_of(mlp(tmp_path)), CPU, lambda *one: None) == ""


def test_a_model_is_served(tmp_path: Path) -> None:
    path = mlp(tmp_path)

    async def ask() -> list[Array]:
        config = {"models": {"m": {"source": str(path), "backend": "openvino", "batching": {"max_batch_size": 8}}}}
        async with Server(config) as server:
            rows = [np.full((1, 16), n, np.float32) for n in range(12)]
            answers = await asyncio.gather(*(server.infer("m", {"x": x}) for x in rows))
            assert server.model("m").version().platform == "openvino_onnx"
            return [answer.outputs["y"] for answer in answers]

    answers = asyncio.run(ask())
    for n, answer in enumerate(answers):
        np.testing.assert_allclose(answer, answers[1] * n, rtol=1e-4, atol=1e-5)
