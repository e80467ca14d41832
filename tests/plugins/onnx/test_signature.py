"""Types of tensors."""

from __future__ import annotations

from typing import Any

import onnxruntime
import pytest

from jackfield import Datatype, TensorSpec
from jackfield.errors import LoadError
from jackfield_plugins.onnx.signature import describe
from tests.plugins.onnx import graphs


def session(proto: Any) -> Any:
    return onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])


def test_a_session_is_described_with_names_of_axes() -> None:
    found = describe(session(graphs.recurrent()))
    assert found.inputs == (
        TensorSpec("input", Datatype.FP32, (-1, -1), ("N", "T"), 0),
        TensorSpec("state", Datatype.FP32, (2, -1, 8), ("", "N", ""), 1),
        TensorSpec("sr", Datatype.INT64, ()),
    )
    assert found.outputs == (
        TensorSpec("output", Datatype.FP32, (-1, 1), ("N", ""), 0),
        TensorSpec("stateN", Datatype.FP32, (2, -1, 8), ("", "N", ""), 1),
    )


def test_unknown_rank_is_any_shape() -> None:
    opened = session(graphs.identity(graphs.FLOAT, None))
    assert [s.shape for s in describe(opened, {"a", "b"}).inputs] == [None]
    assert [s.shape for s in describe(opened).inputs] == [()]


@pytest.mark.parametrize(
    ("element", "datatype"),
    [
        *((name, Datatype(name)) for name in ("BOOL", "UINT8", "UINT16", "UINT32", "UINT64")),
        *((name, Datatype(name)) for name in ("INT8", "INT16", "INT32", "INT64")),
        *(("FLOAT16", Datatype.FP16), ("BFLOAT16", Datatype.BF16), ("FLOAT", Datatype.FP32), ("DOUBLE", Datatype.FP64)),
        ("STRING", Datatype.BYTES),
    ],
)
def test_every_datatype_has_its_counterpart(element: str, datatype: Datatype) -> None:
    found = describe(session(graphs.identity(getattr(graphs.TensorProto, element))))
    assert found.inputs[0].datatype is datatype
    assert found.outputs[0].datatype is datatype


def test_an_initializer_that_could_be_overridden_is_no_input() -> None:
    add = graphs.helper.make_node("Add", ["x", "w"], ["y"])
    proto = graphs.model(
        [add],
        [graphs.value("x", ["N", 4]), graphs.value("w", [4])],
        [graphs.value("y", ["N", 4])],
        [graphs.weights("w", 4)],
    )
    assert [s.name for s in describe(session(proto)).inputs] == ["x"]


def test_what_is_no_tensor_is_refused() -> None:
    node = graphs.helper.make_node("SequenceConstruct", ["x"], ["y"])
    sequence = graphs.helper.make_tensor_sequence_value_info("y", graphs.FLOAT, ["N"])
    with pytest.raises(LoadError, match=r"^output 'y' is of type seq\(tensor\(float\)\), which is none of the tensors"):
        describe(session(graphs.model([node], [graphs.value("x", ["N"])], [sequence])))
