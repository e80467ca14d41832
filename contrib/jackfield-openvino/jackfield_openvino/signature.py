"""From OpenVINO's description of a model to a signature."""

from __future__ import annotations

from typing import Any

from jackfield import Datatype, Signature, TensorSpec
from jackfield.axes import with_batch_axis
from jackfield.errors import LoadError

DATATYPES = {
    "boolean": Datatype.BOOL,
    "u8": Datatype.UINT8,
    "u16": Datatype.UINT16,
    "u32": Datatype.UINT32,
    "u64": Datatype.UINT64,
    "i8": Datatype.INT8,
    "i16": Datatype.INT16,
    "i32": Datatype.INT32,
    "i64": Datatype.INT64,
    "f16": Datatype.FP16,
    "f32": Datatype.FP32,
    "f64": Datatype.FP64,
    "string": Datatype.BYTES,
}
"""bf16 is not among them: NumPy has no such type, and OpenVINO hands tensors over as arrays."""


def describe(model: Any) -> Signature:
    """The signature of a model that was read, with the candidate for the batch axis. Raises LoadError for a tensor
    without a counterpart."""
    inputs = tuple(_spec("input", port) for port in model.inputs)
    outputs = tuple(_spec("output", port) for port in model.outputs)
    return with_batch_axis(Signature(inputs, outputs))


def _spec(role: str, port: Any) -> TensorSpec:
    name, kind = port.any_name, port.element_type.to_string()
    datatype = DATATYPES.get(kind)
    if datatype is None:
        raise LoadError(f"{role} '{name}' is of type {kind}, which is none of the tensors that can be served")
    shape = port.partial_shape
    if shape.rank.is_dynamic:
        return TensorSpec(name, datatype, None)
    return TensorSpec(name, datatype, tuple(axis.get_length() if axis.is_static else -1 for axis in shape))
