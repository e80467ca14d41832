"""The models that all serve, and requests to them with the answers that ONNX Runtime alone gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

CACHE = Path(".cache/demo")
NAMES = ("mlp", "minilm")
TOKENS = 32
_DIFFERENT = 24


@dataclass(frozen=True, slots=True)
class Subject:
    """A model. `asked`: inputs of one row each; `right`: the output of each. `threads`: of ONNX Runtime."""

    name: str
    path: Path
    output: str
    threads: int
    asked: Sequence[Mapping[str, NDArray[Any]]]
    right: Sequence[NDArray[Any]]


def subject(name: str) -> Subject:
    """`mlp` or `minilm`, made in the cache if it is not there."""
    path = CACHE / f"{name}.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _EXPORTS[name](path)
    rng = np.random.default_rng(7)
    asked: list[Mapping[str, NDArray[Any]]] = [_INPUTS[name](rng) for _ in range(_DIFFERENT)]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    right = [session.run(None, inputs)[0] for inputs in asked]
    return Subject(name, path.resolve(), session.get_outputs()[0].name, 1 if name == "mlp" else 2, asked, right)


def export_mlp(path: Path) -> None:
    """A perceptron of 16, 16 and 4: `x` FP32 [batch, 16] to `y` FP32 [batch, 4]."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    shapes = {"w1": (16, 16), "b1": (16,), "w2": (16, 4), "b2": (4,)}
    weights = [
        numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name) for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["positive"]),
        helper.make_node("Gemm", ["positive", "w2", "b2"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", w]) for n, w in (("x", 16), ("y", 4))]
    graph = helper.make_graph(nodes, "mlp", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())


def _export_minilm(path: Path) -> None:
    from jackfield_plugins.demo import minilm

    minilm.export(path)


def _mlp_inputs(rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    return {"x": rng.normal(size=(1, 16)).astype(np.float32)}


def _minilm_inputs(rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    return {
        "input_ids": rng.integers(5, 20000, (1, TOKENS)),
        "attention_mask": np.ones((1, TOKENS), np.int64),
    }


_EXPORTS = {"mlp": export_mlp, "minilm": _export_minilm}
_INPUTS = {"mlp": _mlp_inputs, "minilm": _minilm_inputs}
