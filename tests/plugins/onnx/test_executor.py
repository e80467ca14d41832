"""Running ONNX models, in company and alone."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jackfield import Array, Device, Signature
from jackfield.errors import ExecutionFailed, InvalidRequest, LoadError
from jackfield_plugins.onnx.backend import OnnxRuntimeBackend, OnnxRuntimeOptions
from jackfield_plugins.onnx.executor import OnnxExecutor
from jackfield_plugins.onnx.loader import OnnxLoader, OnnxLoaderOptions
from tests.plugins.onnx import graphs
from tests.plugins.stepping import alone, assert_batching_changes_nothing, together

RANDOM = np.random.default_rng(1)


def opened(path: Path) -> OnnxExecutor:
    artifact = OnnxLoader(OnnxLoaderOptions()).load(str(path))
    executor = OnnxRuntimeBackend(OnnxRuntimeOptions(threads=1)).open(artifact, Device("cpu", "cpu"))
    assert isinstance(executor, OnnxExecutor)
    return executor


def executor_of(proto: Any, folder: Path) -> OnnxExecutor:
    return opened(graphs.save(proto, folder / "m.onnx"))


def floats(*shape: int) -> Array:
    return RANDOM.normal(size=shape).astype(np.float32)


def test_batching_changes_nothing(tmp_path: Path) -> None:
    executor = executor_of(graphs.mlp(), tmp_path)
    assert executor.signature.batched
    assert_batching_changes_nothing(executor, {"x": floats(1, 16)}, {"x": floats(3, 16)}, {"x": floats(0, 16)})


def test_rows_can_lie_along_another_axis(tmp_path: Path) -> None:
    executor = executor_of(graphs.recurrent(), tmp_path)
    rate = np.array(16000, np.int64)
    assert_batching_changes_nothing(
        executor,
        *({"input": floats(rows, 32), "state": floats(2, rows, 8), "sr": rate} for rows in (1, 2)),
    )


def test_the_signature_can_be_replaced(tmp_path: Path) -> None:
    executor = executor_of(graphs.mlp(), tmp_path)
    unbatched = tuple(replace(spec, batch_axis=None) for spec in executor.signature.outputs)
    executor.signature = Signature(tuple(replace(s, batch_axis=None) for s in executor.signature.inputs), unbatched)
    assert alone(executor, {"x": floats(2, 16)})["y"].shape == (2, 4)


def test_a_packaged_model_batches(tmp_path: Path) -> None:
    folder = Path(str(files("magika"))) / "models"
    path = next(folder.rglob("*.onnx"))
    executor = opened(path)
    (spec,) = executor.signature.inputs
    width = spec.shape[1] if spec.shape else 0
    rows = [{spec.name: RANDOM.integers(0, 256, (n, width)).astype(np.int32)} for n in (1, 2)]
    assert_batching_changes_nothing(executor, *rows)


def test_external_weights_are_read(tmp_path: Path) -> None:
    np.arange(12, dtype=np.float32).tofile(tmp_path / "w.bin")
    executor = executor_of(graphs.external("w.bin"), tmp_path)
    np.testing.assert_array_equal(alone(executor, {"x": np.eye(4, dtype=np.float32)})["y"].ravel(), np.arange(12))


def test_only_the_outputs_asked_for_are_returned(tmp_path: Path) -> None:
    executor = executor_of(graphs.recurrent(), tmp_path)
    inputs = {"input": floats(1, 8), "state": floats(2, 1, 8), "sr": np.array(1, np.int64)}
    assert alone(executor, inputs, ["stateN"]).keys() == {"stateN"}


@pytest.mark.parametrize(
    "element",
    ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FLOAT16", "FLOAT", "DOUBLE"],
)
def test_every_plain_datatype_passes_unchanged(tmp_path: Path, element: str) -> None:
    executor = executor_of(graphs.identity(getattr(graphs.TensorProto, element)), tmp_path)
    given = np.array([[0, 1], [1, 0]]).astype(executor.signature.inputs[0].datatype.numpy)
    given.flags.writeable = False
    got = alone(executor, {"a": given})["b"]
    np.testing.assert_array_equal(got, given)
    assert got.dtype == given.dtype


def test_strides_do_not_matter(tmp_path: Path) -> None:
    executor = executor_of(graphs.identity(graphs.FLOAT), tmp_path)
    given = floats(2, 6).T[::-2]
    np.testing.assert_array_equal(alone(executor, {"a": given})["b"], given)


def test_bfloat16_travels_as_its_bits(tmp_path: Path) -> None:
    executor = executor_of(graphs.identity(graphs.TensorProto.BFLOAT16), tmp_path)
    first, second = np.array([[0x3F80, 0x4000]], np.uint16), np.array([[1, 0xFFFF], [2, 3]], np.uint16)
    one, two = together(executor, {"a": first}, {"a": second})
    np.testing.assert_array_equal(one["b"], first)
    np.testing.assert_array_equal(two["b"], second)
    assert alone(executor, {"a": np.empty((0, 2), np.uint16)})["b"].shape == (0, 2)


def test_bfloat16_beside_other_types(tmp_path: Path) -> None:
    nodes = [
        graphs.helper.make_node("Cast", ["x"], ["half"], to=graphs.TensorProto.BFLOAT16),
        graphs.helper.make_node("Cast", ["x"], ["text"], to=graphs.TensorProto.STRING),
    ]
    proto = graphs.model(
        nodes,
        [graphs.value("x", ["N", 2])],
        [
            graphs.value("half", ["N", 2], graphs.TensorProto.BFLOAT16),
            graphs.value("text", ["N", 2], graphs.TensorProto.STRING),
        ],
    )
    got = alone(executor_of(proto, tmp_path), {"x": np.array([[1.0, 2.0]], np.float32)})
    assert got["half"].tolist() == [[0x3F80, 0x4000]]
    assert got["text"].tolist() == [[b"1", b"2"]]


def test_text_beside_bfloat16_is_refused(tmp_path: Path) -> None:
    nodes = [
        graphs.helper.make_node("Cast", ["text"], ["x"], to=graphs.FLOAT),
        graphs.helper.make_node("Cast", ["x"], ["half"], to=graphs.TensorProto.BFLOAT16),
    ]
    proto = graphs.model(
        nodes,
        [graphs.value("text", ["N"], graphs.TensorProto.STRING)],
        [graphs.value("half", ["N"], graphs.TensorProto.BFLOAT16)],
    )
    with pytest.raises(LoadError, match=r"^input 'text' is text beside 'half' in bfloat16: "):
        executor_of(proto, tmp_path)


def test_strings_are_bytes_to_us(tmp_path: Path) -> None:
    executor = executor_of(graphs.identity(graphs.TensorProto.STRING), tmp_path)
    given = np.array([[b"", "zażółć".encode()]], object)
    got = alone(executor, {"a": given})["b"]
    assert got.dtype == object
    assert got.tolist() == given.tolist()


def test_text_that_is_not_utf8_is_the_requests_fault(tmp_path: Path) -> None:
    executor = executor_of(graphs.identity(graphs.TensorProto.STRING), tmp_path)
    with pytest.raises(InvalidRequest, match=r"^input 'a': element 1 is not UTF-8 text \(.* at byte 2\)$"):
        alone(executor, {"a": np.array([[b"fine", b"no\xff"]], object)})


def test_what_the_runtime_raises_fails_the_step_and_leaves_the_executor_usable(tmp_path: Path) -> None:
    node = graphs.helper.make_node("Reshape", ["x", "to"], ["y"])
    shape = graphs.numpy_helper.from_array(np.array([-1, 3], np.int64), "to")
    executor = executor_of(
        graphs.model([node], [graphs.value("x", ["N", "K"])], [graphs.value("y", None)], [shape]), tmp_path
    )
    executor.signature = replace(executor.signature, outputs=(replace(executor.signature.outputs[0], batch_axis=None),))
    with pytest.raises(ExecutionFailed) as caught:
        alone(executor, {"x": floats(1, 4)})
    text = str(caught.value)
    assert "Reshape" in text
    assert "ONNXRuntimeError" not in text
    assert "onnxruntime_src" not in text
    assert alone(executor, {"x": floats(1, 6)})["y"].shape == (2, 3)


def test_closing_lets_go_of_the_session(tmp_path: Path) -> None:
    executor = executor_of(graphs.mlp(), tmp_path)
    executor.close()
    assert executor._session is None
