"""Types of tensors, and the candidate for the batch axis."""

from __future__ import annotations

from typing import Any

import onnxruntime
import pytest

from jackfield import Datatype, Signature, TensorSpec
from jackfield.errors import LoadError
from jackfield_plugins.onnx.signature import describe, with_batch_axis
from tests.plugins.onnx import graphs


def session(proto: Any) -> Any:
    return onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])


def spec(name: str, *dims: int | str) -> TensorSpec:
    shape = tuple(d if isinstance(d, int) else -1 for d in dims)
    return TensorSpec(name, Datatype.FP32, shape, tuple("" if isinstance(d, int) or d == "?" else d for d in dims))


def axes(inputs: list[TensorSpec], outputs: list[TensorSpec]) -> tuple[list[int | None], list[int | None]]:
    found = with_batch_axis(Signature(tuple(inputs), tuple(outputs)))
    return [s.batch_axis for s in found.inputs], [s.batch_axis for s in found.outputs]


def test_a_shared_name_is_followed_wherever_it_stands() -> None:
    given = [spec("input", "N", "T"), spec("state", 2, "N", 128), spec("sr")]
    assert axes(given, [spec("out", "N", 1), spec("next", 2, "N", 128)]) == ([0, 1, None], [0, 1])


def test_a_name_that_says_batch_goes_before_the_first_axis() -> None:
    assert axes([spec("x", "T", "batch", 8)], [spec("y", "T", "batch", 4)]) == ([1], [1])
    assert axes([spec("x", "T", "N", 8)], [spec("y", "T", "N", 4)]) == ([0], [0])  # the probe will tell


def test_without_shared_names_it_is_axis_0_if_that_is_open() -> None:
    assert axes([spec("x", "?", 8), spec("table", 3)], [spec("y", "?", 4)]) == ([0, None], [0])
    assert axes([spec("x", "a", 8)], [spec("y", "b", 4)]) == ([0], [0])


def test_an_output_of_unknown_rank_gets_the_benefit_of_the_doubt() -> None:
    assert axes([spec("x", "N", 8)], [TensorSpec("y", Datatype.FP32, None)]) == ([0], [0])


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([spec("x", 1, 8)], [spec("y", 1, 4)]),
        ([spec("x", "N", 8)], [spec("y")]),
        ([spec("x", "N", 8)], [spec("y", "N", 4), spec("z", 4)]),
        ([spec("x")], [spec("y", "?")]),
        ([TensorSpec("x", Datatype.FP32, None)], [spec("y", "?", 2)]),
    ],
)
def test_where_nothing_can_be_joined_there_is_none(inputs: list[TensorSpec], outputs: list[TensorSpec]) -> None:
    assert axes(inputs, outputs) == ([None] * len(inputs), [None] * len(outputs))


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
