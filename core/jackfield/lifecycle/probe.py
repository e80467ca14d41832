"""Which axis of each tensor is the batch: taken from the artifact or the configuration, and checked with two rows.

Two rows are run alone and together; if what comes out together is not what came out alone, rows cannot be joined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import structlog

from jackfield.config.models import WarmUp
from jackfield.errors import LoadError
from jackfield.interfaces import TensorExecutor
from jackfield.lifecycle.comparing import ALIKE, SAME, close
from jackfield.lifecycle.samples import lengths_to_try, sample
from jackfield.types import Array, Signature, TensorSpec

log = structlog.get_logger("jackfield.probe")

BatchAxis = str | bool | int | Mapping[str, int | None]


def settle_batch_axis(executor: TensorExecutor, wanted: BatchAxis, declared: bool, warm_up: WarmUp | None) -> int:
    """Set the executor's signature to the batch axes that hold, and return a length of open axes that the model takes.

    `wanted` is the configuration's `batch_axis`; `declared` says that the artifact itself declares its axes, so that
    nothing is guessed. A guess that fails makes the model unbatched, with a line in the log; a wish of the
    configuration that fails raises LoadError.
    """
    signature = _assigned(executor.signature, wanted)
    guessed = wanted == "auto" and not declared
    executor.signature = signature
    problem = ""
    for length in lengths_to_try(signature, warm_up):
        try:
            problem = _difference(executor, signature, length, warm_up)
        except LoadError:
            raise
        except Exception as error:  # a model is foreign code; another length may suit it
            problem = f"running it raised {type(error).__name__}: {error}"
            continue
        if not problem:
            return length
        break
    if not signature.batched:
        raise LoadError(f"the model cannot be probed: {problem}; declare its inputs under `warm_up:`")
    if not guessed:
        raise LoadError(f"rows cannot be joined along the declared batch axis: {problem}")
    log.warning("model cannot be batched; requests run one by one", reason=problem)
    executor.signature = _assigned(signature, False)
    return _length_alone(executor, warm_up)


def _assigned(signature: Signature, wanted: BatchAxis) -> Signature:
    def axis(spec: TensorSpec) -> int | None:
        if wanted == "auto" or wanted is True:
            return spec.batch_axis
        if wanted is False:
            return None
        if isinstance(wanted, Mapping):
            return wanted.get(spec.name, spec.batch_axis)
        return int(wanted)

    if isinstance(wanted, Mapping):
        known = {spec.name for spec in (*signature.inputs, *signature.outputs)}
        for name in wanted:
            if name not in known:
                names = ", ".join(f"'{n}'" for n in sorted(known))
                raise LoadError(f"batch_axis names tensor '{name}', which the model does not have: it has {names}")
    given = Signature(
        tuple(replace(spec, batch_axis=axis(spec)) for spec in signature.inputs),
        tuple(replace(spec, batch_axis=axis(spec)) for spec in signature.outputs),
    )
    if given.batched or wanted is False:
        return given
    return Signature(
        tuple(replace(spec, batch_axis=None) for spec in given.inputs),
        tuple(replace(spec, batch_axis=None) for spec in given.outputs),
    )


def _difference(executor: TensorExecutor, signature: Signature, length: int, warm_up: WarmUp | None) -> str:
    """What is wrong with joining two rows; empty if nothing.

    Each of two rows is run beside itself and beside the other: those must agree closely, since the same kernels ran. A
    row alone must agree with the same in company only loosely: kernels for one row round differently.
    """
    names = signature.output_names
    rows = [sample(signature, 1, length, warm_up, variant) for variant in (0, 1)]
    alone = executor.run(rows[0], names)
    if not signature.batched:
        return ""
    for spec in signature.inputs:  # what has no batch axis must agree within a step
        if spec.batch_axis is None and spec.name in rows[0]:
            rows[1][spec.name] = rows[0][spec.name]
    mixed = executor.run(_joined(signature, *rows), names)
    for number, row in enumerate(rows):
        same = executor.run(_joined(signature, row, row), names)
        for spec in signature.outputs:
            problem = _unlike(spec, mixed[spec.name], same[spec.name], number)
            if not problem and number == 0:
                problem = _unlike_alone(spec, mixed[spec.name], alone[spec.name])
            if problem:
                return problem
    return ""


def _joined(signature: Signature, first: Mapping[str, Array], second: Mapping[str, Array]) -> dict[str, Array]:
    return {
        name: value
        if (axis := signature.by_name[name].batch_axis) is None
        else np.concatenate([value, second[name]], axis)
        for name, value in first.items()
    }


def _unlike(spec: TensorSpec, mixed: Array, same: Array, row: int) -> str:
    axis = spec.batch_axis
    if axis is None:
        return ""
    if mixed.ndim <= axis or mixed.shape[axis] != 2:
        return f"output '{spec.name}' has shape {list(mixed.shape)} for two rows"
    if mixed.shape != same.shape or not close(spec.datatype, mixed.take([row], axis), same.take([row], axis), SAME):
        return f"output '{spec.name}' of a row depends on the row beside it"
    return ""


def _unlike_alone(spec: TensorSpec, mixed: Array, alone: Array) -> str:
    part = mixed if spec.batch_axis is None else mixed.take([0], spec.batch_axis)
    if part.shape != alone.shape:
        return f"output '{spec.name}' has another shape in company: {list(part.shape)}, alone {list(alone.shape)}"
    if spec.batch_axis is not None and not close(spec.datatype, part, alone, ALIKE):
        return f"output '{spec.name}' of a row is not what it is alone"
    return ""


def _length_alone(executor: TensorExecutor, warm_up: WarmUp | None) -> int:
    problem = ""
    for length in lengths_to_try(executor.signature, warm_up):
        try:
            executor.run(sample(executor.signature, 1, length, warm_up), executor.signature.output_names)
        except Exception as error:  # as above
            problem = f"{type(error).__name__}: {error}"
            continue
        return length
    raise LoadError(f"the model cannot be run on made-up inputs: {problem}; declare its inputs under `warm_up:`")
