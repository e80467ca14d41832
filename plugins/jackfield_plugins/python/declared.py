"""What the configuration says of a Python model's inputs and outputs, put over what its types say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from jackfield import Datatype, Options, TensorSpec
from jackfield.errors import LoadError
from jackfield_plugins.python.annotations import Bound


class DeclaredTensor(Options):
    """An input or output that the configuration declares."""

    name: Annotated[str, Field(min_length=1)]
    """Name of the parameter of `predict`, or of the output."""
    datatype: Datatype
    """`FP32`, `INT64`, `BYTES` and so on."""
    shape: tuple[Annotated[int, Field(ge=-1)], ...] | None = None
    """Length of each axis, the batch among them; -1 for any length; null: any shape."""


def overlay(bound: Bound | None, given: DeclaredTensor) -> Bound:
    """`bound` with what is declared in its place; its name, and whether it may be left out, stay."""
    spec = TensorSpec(given.name, given.datatype, given.shape)
    if bound is None:
        return Bound(spec)
    element = bound.element if given.datatype is Datatype.BYTES else None
    if element is not None and given.shape is None:
        spec = replace(spec, shape=(-1,))
    ragged = bound.rows and given.datatype is not Datatype.BYTES
    spec = replace(spec, optional=bound.spec.optional, ragged=ragged)
    return replace(bound, spec=spec, element=element, rows=ragged)


def known(role: str, names: Sequence[str], given: Sequence[DeclaredTensor], source: str) -> dict[str, DeclaredTensor]:
    """What is declared, by name. Raises LoadError for a name that the model does not have, or that comes twice."""
    by_name: dict[str, DeclaredTensor] = {}
    for tensor in given:
        if tensor.name not in names:
            has = ", ".join(f"'{name}'" for name in names)
            raise LoadError(f"'{role}s' declares '{tensor.name}', which is no {role} of '{source}': it has {has}")
        if tensor.name in by_name:
            raise LoadError(f"'{role}s' declares '{tensor.name}' of '{source}' twice")
        by_name[tensor.name] = tensor
    return by_name
