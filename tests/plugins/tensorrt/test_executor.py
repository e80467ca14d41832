"""Steps on a device: what comes out is what ONNX Runtime gives, whatever the shapes, with and without graphs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from jackfield import Expected
from jackfield.cuda import missing_driver
from jackfield.errors import ExecutionFailed, InvalidRequest
from jackfield_plugins.tensorrt.backend import TensorRTBackend
from jackfield_plugins.tensorrt.executor import TensorRTExecutor
from jackfield_plugins.tensorrt.options import Lengths, TensorRTOptions
from tests.plugins.onnx import graphs
from tests.plugins.stepping import together
from tests.plugins.tensorrt.made import needs_module, onnx

pytestmark = [
    pytest.mark.gpu,
    needs_module,
    pytest.mark.skipif(missing_driver() is not None, reason=missing_driver() or ""),
]


def opened(folder: Path, proto: Any, expected: Expected, **options: Any) -> tuple[TensorRTExecutor, Any]:
    artifact = onnx(folder / "m.onnx", proto)
    backend = TensorRTBackend(TensorRTOptions(cache=str(folder / "plans"), **options))
    backend.expected = expected
    executor = backend.open(artifact, TensorRTBackend.devices()[0])
    assert isinstance(executor, TensorRTExecutor)
    return executor, onnxruntime.InferenceSession(artifact.content, providers=["CPUExecutionProvider"])


@pytest.fixture
def mlp(tmp_path: Path) -> Iterator[tuple[TensorRTExecutor, Any]]:
    executor, reference = opened(tmp_path, graphs.mlp(), Expected((1, 4, 16), 16))
    yield executor, reference
    executor.close()


@pytest.mark.parametrize("rows", [1, 2, 3, 16])
def test_rows(mlp: tuple[TensorRTExecutor, Any], rows: int) -> None:
    executor, reference = mlp
    x = np.random.default_rng(rows).normal(size=(rows, 16)).astype(np.float32)
    (want,) = reference.run(["y"], {"x": x})
    for _ in range(6):  # from the third on as a captured graph, where TensorRT leaves that to us
        np.testing.assert_allclose(executor.run({"x": x}, ["y"])["y"], want, rtol=1e-4, atol=1e-5)


def test_shapes_by_turns(mlp: tuple[TensorRTExecutor, Any]) -> None:
    executor, reference = mlp
    draw = np.random.default_rng(0)
    kept = []
    for _ in range(40):
        x = draw.normal(size=(int(draw.integers(1, 17)), 16)).astype(np.float32)
        kept.append((executor.run({"x": x}, ["y"])["y"], reference.run(["y"], {"x": x})[0]))
    for got, want in kept:  # what was given away is not written again
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_steps_of_several_requests(mlp: tuple[TensorRTExecutor, Any]) -> None:
    executor, reference = mlp
    xs = [np.full((rows, 16), rows, np.float32) for rows in (1, 3, 2)]
    for _ in range(6):
        for x, got in zip(xs, together(executor, *({"x": x} for x in xs)), strict=True):
            np.testing.assert_allclose(got["y"], reference.run(["y"], {"x": x})[0], rtol=1e-4, atol=1e-5)


def test_what_the_plan_was_not_built_for_is_refused(mlp: tuple[TensorRTExecutor, Any]) -> None:
    executor, _ = mlp
    with pytest.raises(InvalidRequest, match=r"input 'x' has shape \[17, 16\], and the plan was built for \[1, 16\]"):
        executor.run({"x": np.zeros((17, 16), np.float32)}, ["y"])
    assert executor.run({"x": np.zeros((1, 16), np.float32)}, ["y"])["y"].shape == (1, 4)


def test_lengths_and_buckets(tmp_path: Path) -> None:
    expected = Expected((1, 4), 4, {}, {"T": (8, 32)})
    executor, reference = opened(tmp_path, graphs.recurrent(), expected, profile_per_bucket=True)
    for rows, length in ((1, 8), (4, 9), (2, 32), (3, 1)):
        given: dict[str, Any] = {
            "input": np.random.default_rng(length).normal(size=(rows, length)).astype(np.float32),
            "state": np.zeros((2, rows, 8), np.float32),
            "sr": np.array(16000, np.int64),
        }
        got = executor.run(given, ["output", "stateN"])
        for name, want in zip(["output", "stateN"], reference.run(["output", "stateN"], given), strict=True):
            np.testing.assert_allclose(got[name], want, rtol=1e-4, atol=1e-6)
    executor.close()


def test_outputs_whose_shape_only_running_tells(tmp_path: Path) -> None:
    proto = graphs.model(
        [graphs.helper.make_node("NonZero", ["x"], ["y"])],
        [graphs.value("x", ["N", 4])],
        [graphs.value("y", [2, "found"], graphs.TensorProto.INT64)],
    )
    executor, reference = opened(tmp_path, proto, Expected((1, 4), 4))
    for x in (np.eye(4, dtype=np.float32), np.zeros((1, 4), np.float32), np.ones((3, 4), np.float32)):
        np.testing.assert_array_equal(executor.run({"x": x}, ["y"])["y"], reference.run(["y"], {"x": x})[0])
    executor.close()


def test_want_of_memory_fails_that_step_only(tmp_path: Path) -> None:
    import torch

    big = 1 << 28  # floats: a gigabyte
    add = graphs.helper.make_node("Add", ["x", "x"], ["y"])
    proto = graphs.model([add], [graphs.value("x", ["N", "T"])], [graphs.value("y", ["N", "T"])])
    lengths = {"T": Lengths(best=1 << 20, most=big)}
    executor, _ = opened(tmp_path, proto, Expected((1, 16), 16), lengths=lengths)
    small = np.ones((1, 1024), np.float32)
    executor.run({"x": small}, ["y"])
    free, _ = torch.cuda.mem_get_info()
    hog = torch.empty(max(free - (1 << 30), 1), dtype=torch.uint8, device="cuda")
    with pytest.raises(ExecutionFailed, match="memory"):
        executor.run({"x": np.ones((4, big // 4), np.float32)}, ["y"])
    del hog
    np.testing.assert_array_equal(executor.run({"x": small}, ["y"])["y"], small * 2)
    executor.close()
