"""From a session's description of its inputs and outputs to a signature."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from jackfield import Datatype, Signature, TensorSpec
from jackfield.axes import with_batch_axis
from jackfield.errors import LoadError

DATATYPES = {
    "tensor(bool)": Datatype.BOOL,
    "tensor(uint8)": Datatype.UINT8,
    "tensor(uint16)": Datatype.UINT16,
    "tensor(uint32)": Datatype.UINT32,
    "tensor(uint64)": Datatype.UINT64,
    "tensor(int8)": Datatype.INT8,
    "tensor(int16)": Datatype.INT16,
    "tensor(int32)": Datatype.INT32,
    "tensor(int64)": Datatype.INT64,
    "tensor(float16)": Datatype.FP16,
    "tensor(bfloat16)": Datatype.BF16,
    "tensor(float)": Datatype.FP32,
    "tensor(double)": Datatype.FP64,
    "tensor(string)": Datatype.BYTES,
}


def describe(session: Any, unranked: Container[str] = ()) -> Signature:
    """The signature of an InferenceSession, with the candidate for the batch axis.

    The runtime gives scalars and tensors of unknown rank alike as `[]`: `unranked` names the latter. Raises LoadError
    for anything that is not a tensor of a known datatype.
    """
    inputs = tuple(_spec("input", node, unranked) for node in session.get_inputs())
    outputs = tuple(_spec("output", node, unranked) for node in session.get_outputs())
    text = next((spec.name for spec in inputs if spec.datatype is Datatype.BYTES), None)
    half = next((spec.name for spec in (*inputs, *outputs) if spec.datatype is Datatype.BF16), None)
    if text is not None and half is not None:
        raise LoadError(
            f"input '{text}' is text beside '{half}' in bfloat16: onnxruntime takes no text together with that"
        )
    return with_batch_axis(Signature(inputs, outputs))


def _spec(role: str, node: Any, unranked: Container[str]) -> TensorSpec:
    datatype = DATATYPES.get(node.type)
    if datatype is None:
        raise LoadError(f"{role} '{node.name}' is of type {node.type}, which is none of the tensors that can be served")
    if not node.shape and node.name in unranked:
        return TensorSpec(node.name, datatype, None)
    shape = tuple(axis if isinstance(axis, int) and axis >= 0 else -1 for axis in node.shape)
    axes = tuple(axis if isinstance(axis, str) else "" for axis in node.shape)
    return TensorSpec(node.name, datatype, shape, axes if any(axes) else ())
