"""Inputs whose rows differ in shape within a step: taken as they are, if the executor does, and proved."""

from __future__ import annotations

from dataclasses import replace

from jackfield.config.models import WarmUp
from jackfield.interfaces import TensorExecutor
from jackfield.lifecycle.company import check, pairs
from jackfield.types import Signature


def settle_ragged(executor: TensorExecutor, length: int, declared: WarmUp | None) -> None:
    """Let shapes split steps after all where the executor's capabilities ask for it; else run rows of two shapes alone
    and together. `length`: one of open axes that the model takes. Raises LoadError if a row is answered otherwise in
    company."""
    signature = executor.signature
    if not signature.ragged:
        return
    if not executor.capabilities.mixed_shapes:
        inputs = tuple(replace(spec, ragged=False) for spec in signature.inputs)
        executor.signature = Signature(inputs, signature.outputs)
        return
    axes = {
        spec.name: [number for number, n in enumerate(spec.shape) if n == -1 and number != spec.batch_axis]
        for spec in signature.inputs
        if spec.ragged and spec.shape is not None
    }
    if signature.batched and any(axes.values()):
        rows = pairs(executor, length, 2 * length, axes, declared)
        check(
            executor,
            rows,
            "rows of different shapes cannot share a step",
            f"tried with lengths {length} and {2 * length}; take arrays in place of lists of arrays",
        )
