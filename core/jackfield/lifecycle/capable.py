"""Whether an executor can run the model that it was made for, by what it says of itself."""

from __future__ import annotations

from jackfield.errors import LoadError
from jackfield.interfaces import TensorExecutor
from jackfield.types import TensorSpec


def check_datatypes(executor: TensorExecutor) -> None:
    """Raises LoadError for a tensor whose datatype the backend cannot carry."""
    known = executor.capabilities.datatypes
    for role, specs in (("input", executor.signature.inputs), ("output", executor.signature.outputs)):
        for spec in specs:
            if known is not None and spec.datatype not in known:
                raise LoadError(
                    f"{role} '{spec.name}' has datatype {spec.datatype}, which this backend cannot carry: "
                    f"it has {', '.join(sorted(known)) or 'none'}"
                )


def check_lengths(executor: TensorExecutor) -> None:
    """Raises LoadError for an axis of an input, other than the batch, whose length is open where the backend runs fixed
    lengths only. When it is known which is the batch axis."""
    for spec in executor.signature.inputs:
        if not executor.capabilities.dynamic_shapes and (axis := _open_axis(spec)):
            raise LoadError(
                f"{axis} of input '{spec.name}' may have any length, and this backend runs fixed lengths only: "
                "export the model with this axis fixed, or choose another backend"
            )


def _open_axis(spec: TensorSpec) -> str:
    if spec.shape is None:
        return "any axis"
    return next((f"axis {n}" for n, length in enumerate(spec.shape) if length == -1 and n != spec.batch_axis), "")
