"""From a session's description of its inputs and outputs to a signature, and which axis may be the batch."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any

from jackfield import Datatype, Signature, TensorSpec
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


def with_batch_axis(signature: Signature) -> Signature:
    """`signature` with the axes set along which requests could be joined; unchanged if there are none.

    A candidate only, to be proven by running two rows. It is the axis of one name that some input and every output
    have, wherever it stands: one with `batch` in its name, else one that is the first open axis of each output. Without
    such a name it is axis 0, if that is open in some input and every output. Inputs without the axis get None.
    """
    name = _shared_name(signature)
    if name is not None:
        inputs = [_named_axis(spec, name) for spec in signature.inputs]
        outputs = [_named_axis(spec, name) for spec in signature.outputs]
    else:
        inputs = [0 if spec.shape and spec.shape[0] == -1 else None for spec in signature.inputs]
        # an output of unknown rank is given the benefit of the doubt: running it will tell
        outputs = [0 if spec.shape is None or spec.shape[:1] == (-1,) else None for spec in signature.outputs]
        if all(axis is None for axis in inputs) or None in outputs:
            return signature
    return Signature(_placed(signature.inputs, inputs), _placed(signature.outputs, outputs))


def _shared_name(signature: Signature) -> str | None:
    of_inputs = dict.fromkeys(axis for spec in signature.inputs for axis in spec.axes if axis)
    shared = [name for name in of_inputs if signature.outputs and all(name in spec.axes for spec in signature.outputs)]
    for name in shared:
        if "batch" in name.lower():
            return name
    return next((name for name in shared if all(_first_open(spec) == name for spec in signature.outputs)), None)


def _first_open(spec: TensorSpec) -> str:
    return next((name for name, length in zip(spec.axes, spec.shape or (), strict=True) if length == -1), "")


def _named_axis(spec: TensorSpec, name: str) -> int | None:
    return spec.axes.index(name) if name in spec.axes else None


def _placed(specs: Sequence[TensorSpec], axes: Sequence[int | None]) -> tuple[TensorSpec, ...]:
    return tuple(replace(spec, batch_axis=axis) for spec, axis in zip(specs, axes, strict=True))
