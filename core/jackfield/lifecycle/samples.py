"""Inputs made up from a signature, for probing and warming up a model before anybody has asked it anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from jackfield.config.models import WarmUp, WarmUpInput
from jackfield.errors import LoadError
from jackfield.types import Array, Datatype, Signature, TensorSpec

LENGTHS = (8, 32, 64, 128, 224)
"""Lengths that are tried for axes of any length, the first that the model takes: tokens, samples, pixels."""


def lengths_to_try(signature: Signature, warm_up: WarmUp | None) -> Iterator[int]:
    """Lengths for the open axes that nothing declares; one is enough if there are none."""
    declared = warm_up.inputs if warm_up is not None else {}
    open_axes = any(
        spec.shape is None or any(n == -1 and i != spec.batch_axis for i, n in enumerate(spec.shape))
        for spec in signature.inputs
        if spec.name not in declared
    )
    yield from LENGTHS if open_axes else LENGTHS[:1]


def sample(
    signature: Signature, rows: int, length: int, warm_up: WarmUp | None = None, variant: int = 0
) -> dict[str, Array]:
    """Inputs of `rows` rows, open axes of `length`. Variants differ in their values; 0 is the plainest.

    What is optional is left out unless it is declared; where nothing is required, the first input stands for all.
    """
    declared: Mapping[str, WarmUpInput] = warm_up.inputs if warm_up is not None else {}
    for name in declared:
        if name not in signature.by_name:
            known = ", ".join(f"'{n}'" for n in signature.by_name)
            raise LoadError(f"warm_up names input '{name}', which the model does not have: it takes {known}")
    needed = [spec for spec in signature.inputs if not spec.optional or spec.name in declared]
    return {
        spec.name: _declared(spec, declared[spec.name], rows, length, variant)
        if spec.name in declared
        else _values(spec, _shape(spec, rows, length), variant)
        for spec in needed or signature.inputs[:1]
    }


def _shape(spec: TensorSpec, rows: int, length: int) -> tuple[int, ...]:
    lengths = spec.shape if spec.shape is not None else (-1,) * max(1, (spec.batch_axis or 0) + 1)
    return tuple(rows if i == spec.batch_axis else length if n == -1 else n for i, n in enumerate(lengths))


def _values(spec: TensorSpec, shape: tuple[int, ...], variant: int) -> Array:
    random = np.random.default_rng(variant)
    if spec.datatype is Datatype.BYTES:
        out = np.empty(shape, dtype=object)
        out.fill(f"sample {variant}".encode())
        return out
    dtype = spec.datatype.numpy
    if spec.datatype is Datatype.BF16:
        return (random.random(shape, dtype=np.float32).view(np.uint32) >> 16).astype(np.uint16)
    if dtype.kind == "f":
        return random.random(shape, dtype=np.float32).astype(dtype)
    # whole numbers may be indices into a table or marks of a mask: 0 and 1 are valid for both
    values = np.ones(shape, dtype=dtype) if variant == 0 else random.integers(0, 2, shape).astype(dtype)
    if values.ndim and values.shape[-1]:
        values[..., 0] = 1  # a mask must not hide everything
    return values


def _declared(spec: TensorSpec, given: WarmUpInput, rows: int, length: int, variant: int) -> Array:
    if given.file is not None:
        row = _read(spec, Path(given.file))
        return row if spec.batch_axis is None else np.repeat(row, rows, spec.batch_axis)
    shape = _shape(spec, rows, length)
    if given.shape is not None:
        inner = list(given.shape)
        if spec.batch_axis is not None:
            inner.insert(spec.batch_axis, rows)
        if spec.shape is not None and len(inner) != len(spec.shape):
            raise LoadError(
                f"warm_up: input '{spec.name}' has shape {list(spec.shape)} with its batch axis; "
                f"{list(given.shape)} (without it) does not fit"
            )
        shape = tuple(inner)
    match given.fill:
        case "random":
            return _values(spec, shape, variant + 1)
        case "zeros":
            return np.zeros(shape, dtype=spec.datatype.numpy)
        case "ones":
            return np.ones(shape, dtype=spec.datatype.numpy)
        case number:
            return np.full(shape, number, dtype=spec.datatype.numpy)


def _read(spec: TensorSpec, path: Path) -> Array:
    """One row from a file, its batch axis included."""
    try:
        raw = np.load(path, allow_pickle=False) if path.suffix == ".npy" else json.loads(path.read_text())
        row = np.asarray(raw, dtype=spec.datatype.numpy)
    except (OSError, ValueError, TypeError) as error:
        raise LoadError(f"warm_up: input '{spec.name}': cannot read '{path}': {error}") from error
    if spec.batch_axis is not None and (spec.shape is None or row.ndim == len(spec.shape) - 1):
        row = np.expand_dims(row, spec.batch_axis)
    return row
