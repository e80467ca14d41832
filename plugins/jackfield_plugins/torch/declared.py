"""A signature from the configuration, for models that do not state their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from jackfield import Datatype, Options, Signature, TensorSpec


class DeclaredTensor(Options):
    """An input or output that the configuration declares."""

    name: Annotated[str, Field(min_length=1)]
    """Name that requests use. The order is that of the model's arguments and results."""
    datatype: Datatype
    """`FP32`, `INT64`, `BOOL` and so on."""
    shape: tuple[Annotated[int, Field(ge=-1)], ...]
    """Length of each axis; -1 for an axis of any length."""


def declared_signature(inputs: Sequence[DeclaredTensor], outputs: Sequence[DeclaredTensor]) -> Signature:
    """The signature; axis 0 is a candidate for the batch if it is open in some input and in every output."""
    ins, outs = (
        [TensorSpec(t.name, t.datatype, t.shape, (), 0 if t.shape[:1] == (-1,) else None) for t in tensors]
        for tensors in (inputs, outputs)
    )
    return Signature(tuple(ins), tuple(outs))
