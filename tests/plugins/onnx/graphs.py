"""Small ONNX models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
Dims = Sequence[int | str | None] | None


def value(name: str, dims: Dims, element: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, element, dims)


def weights(name: str, *shape: int) -> Any:
    array = np.random.default_rng(len(name)).normal(size=shape).astype(np.float32)
    return numpy_helper.from_array(array, name)


def model(nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], initializers: Sequence[Any] = ()) -> Any:
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def save(proto: Any, path: Path) -> Path:
    path.write_bytes(proto.SerializeToString())
    return path


def mlp() -> Any:
    """x [N, 16] to y [N, 4]."""
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "w2"], ["y"]),
    ]
    return model(nodes, [value("x", ["N", 16])], [value("y", ["N", 4])], [weights("w1", 16, 32), weights("w2", 32, 4)])


def identity(element: int, dims: Dims = ("N", 2)) -> Any:
    """a to b, of any type."""
    return model([helper.make_node("Identity", ["a"], ["b"])], [value("a", dims, element)], [value("b", dims, element)])


def recurrent() -> Any:
    """As voice activity models are: input [N, T], state [2, N, 8] and a scalar, to output [N, 1] and the next state."""
    nodes = [
        helper.make_node("ReduceMean", ["input", "last"], ["mean"], keepdims=1),
        helper.make_node("Cast", ["sr"], ["rate"], to=FLOAT),
        helper.make_node("Div", ["mean", "rate"], ["output"]),
        helper.make_node("Add", ["state", "mean"], ["stateN"]),
    ]
    inputs = [value("input", ["N", "T"]), value("state", [2, "N", 8]), value("sr", [], TensorProto.INT64)]
    outputs = [value("output", ["N", 1]), value("stateN", [2, "N", 8])]
    return model(nodes, inputs, outputs, [numpy_helper.from_array(np.array([1], np.int64), "last")])


def external(place: str) -> Any:
    """x [N, 4] to y [N, 3], whose weights lie in another file."""
    tensor = weights("w", 4, 3)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in (("location", place), ("length", "48")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, text
    return model(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", ["N", 4])], [value("y", ["N", 3])], [tensor]
    )


def conditional(place: str) -> Any:
    """A model with external weights within a branch of an If."""
    inner = external(place).graph
    branch = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["out"])], "b", [], [value("out", [4, 3])], list(inner.initializer)
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    return model([node], [value("c", [], TensorProto.BOOL)], [value("y", [4, 3])])


__all__ = ["TensorProto", "helper", "numpy_helper", "onnx"]
