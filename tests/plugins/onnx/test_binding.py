"""Tensors that are bound to a device: tried on the processor, which ONNX Runtime binds to as it does to others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from jackfield import Array, Capabilities
from jackfield.cuda import missing_driver
from jackfield.errors import ExecutionFailed, OutOfMemory
from jackfield_plugins.onnx.backend import OnnxRuntimeBackend, OnnxRuntimeOptions
from jackfield_plugins.onnx.binding import BoundOnnxExecutor, Brought
from jackfield_plugins.onnx.loader import OnnxLoader, OnnxLoaderOptions
from jackfield_plugins.onnx.signature import describe
from tests.plugins.onnx import graphs
from tests.plugins.stepping import alone, assert_batching_changes_nothing, together


def floats(*shape: int) -> Array:
    return np.random.default_rng(shape[0]).normal(size=shape).astype(np.float32)


@pytest.fixture
def executor() -> BoundOnnxExecutor:
    session = onnxruntime.InferenceSession(graphs.mlp().SerializeToString(), providers=["CPUExecutionProvider"])
    return BoundOnnxExecutor(session, describe(session), Capabilities(), "cpu", 0)


def test_answers_are_those_of_the_session(executor: BoundOnnxExecutor) -> None:
    x = floats(3, 16)
    (want,) = executor._session.run(["y"], {"x": x})
    np.testing.assert_array_equal(executor.run({"x": x}, ["y"])["y"], want)
    np.testing.assert_array_equal(alone(executor, {"x": x})["y"], want)


def test_batching_changes_nothing(executor: BoundOnnxExecutor) -> None:
    assert_batching_changes_nothing(executor, {"x": floats(1, 16)}, {"x": floats(5, 16)}, {"x": floats(2, 16)})


def test_answers_are_kept(executor: BoundOnnxExecutor) -> None:
    first = alone(executor, {"x": floats(3, 16)})["y"]
    before = first.copy()
    together(executor, {"x": floats(4, 16)}, {"x": floats(2, 16)})
    np.testing.assert_array_equal(first, before)


def test_inputs_are_brought_ahead(executor: BoundOnnxExecutor) -> None:
    brought = executor._brought({"x": floats(2, 16)})
    assert isinstance(brought, Brought)
    assert brought.values_there["x"].device_name() == "cpu"
    np.testing.assert_array_equal(brought.values_there["x"].numpy(), brought["x"])


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Failed to allocate memory for requested buffer of size 8589934592", OutOfMemory),
        ("something else", ExecutionFailed),
    ],
)
def test_want_of_memory_is_told_apart(
    executor: BoundOnnxExecutor, monkeypatch: pytest.MonkeyPatch, said: str, kind: type[Exception]
) -> None:
    class Failing:
        def io_binding(self) -> None:
            raise RuntimeError(said)

    monkeypatch.setattr(executor, "_session", Failing())
    with pytest.raises(ExecutionFailed) as caught:
        executor.run({"x": floats(1, 16)}, ["y"])
    assert type(caught.value) is kind


@pytest.mark.gpu
@pytest.mark.skipif(missing_driver() is not None, reason=missing_driver() or "")
def test_on_a_device(tmp_path: Path) -> None:
    artifact = OnnxLoader(OnnxLoaderOptions()).load(str(graphs.save(graphs.mlp(), tmp_path / "m.onnx")))
    backend = OnnxRuntimeBackend(OnnxRuntimeOptions())
    device = OnnxRuntimeBackend.devices()[0]
    if device.kind != "cuda":
        pytest.skip("this ONNX Runtime has no provider for CUDA")
    executor = backend.open(artifact, device)
    assert isinstance(executor, BoundOnnxExecutor)
    assert_batching_changes_nothing(executor, {"x": floats(1, 16)}, {"x": floats(5, 16)})
