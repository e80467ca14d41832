"""Checking a request's tensors against a signature, and measuring what they weigh."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from jackfield.errors import InvalidRequest
from jackfield.types import Array, Datatype, Measure, Signature, TensorSpec

_BYTES_ELEMENT = 64  # assumed size of one BYTES element for queue accounting; exact sizes would cost a pass


def measure(signature: Signature, model: str, inputs: Mapping[str, Array]) -> Measure:
    """Check `inputs` (name to array) against `signature` and return what the request weighs.

    Raises InvalidRequest naming model, input, what was given and what would be right. Thread-safe, no copies.
    """
    if inputs.keys() != signature.by_name.keys():
        _check_names(signature, model, inputs)
    rows: int | None = None
    size = 0
    key: list[Hashable] = []
    for spec in signature.inputs:
        array = inputs.get(spec.name)
        if array is None:  # optional: those that lack it cannot share a step with those that have it
            key.append(None)
            continue
        _check(model, spec, array)
        axis, shape = spec.batch_axis, array.shape
        if axis is None:
            if signature.batched:  # otherwise nothing ever shares a step, and values need not be compared
                key.append(_value_key(array))
        else:
            if rows is None:
                rows = shape[axis]
            elif rows != shape[axis]:
                raise InvalidRequest(
                    f"inputs of model '{model}' must have the same number of rows: '{spec.name}' has {shape[axis]}, "
                    f"another has {rows}"
                )
            key.append(shape[1:] if axis == 0 else shape[:axis] + shape[axis + 1 :])
        size += array.nbytes if spec.datatype is not Datatype.BYTES else array.size * _BYTES_ELEMENT
    if signature.named_axes:
        _check_axes(model, signature, inputs)
    if signature.ragged:  # of these, only whether they are there keeps requests apart
        specs = zip(signature.inputs, key, strict=True)
        key = [own is not None if spec.ragged and spec.batch_axis is not None else own for spec, own in specs]
    return Measure(1 if rows is None else rows, size, tuple(key))


def _check(model: str, spec: TensorSpec, array: Array) -> None:
    shape, expected = array.shape, spec.shape
    if array.dtype != spec.dtype:
        raise InvalidRequest(
            f"input '{spec.name}' of model '{model}': expected datatype {spec.datatype}, got {_datatype(array)}"
        )
    if expected is not None:
        if len(shape) != len(expected):
            raise _unexpected_shape(model, spec, shape)
        for axis, length in spec.fixed:
            if shape[axis] != length:
                raise _unexpected_shape(model, spec, shape)
    elif spec.batch_axis is not None and len(shape) <= spec.batch_axis:
        raise InvalidRequest(
            f"unexpected shape for input '{spec.name}' for model '{model}'. Expected more than {spec.batch_axis} axes, "
            f"got {list(shape)}"
        )


def _datatype(array: Array) -> str:
    try:
        return Datatype.of(array.dtype)
    except ValueError:
        return f"an array of {array.dtype}"


def _value_key(array: Array) -> Hashable:
    if array.dtype.kind == "O":
        return (array.shape, tuple(array.ravel().tolist()))
    return (array.shape, array.tobytes())


def _check_axes(model: str, signature: Signature, inputs: Mapping[str, Array]) -> None:
    named: dict[str, int] = {}
    for spec in signature.inputs:
        array = inputs.get(spec.name)
        if array is None:
            continue
        for axis, length in zip(spec.axes, array.shape, strict=False):
            if axis and named.setdefault(axis, length) != length:
                raise InvalidRequest(
                    f"unexpected shape for input '{spec.name}' for model '{model}': axis '{axis}' has length {length} "
                    f"here and {named[axis]} in another input"
                )


def _check_names(signature: Signature, model: str, inputs: Mapping[str, Array]) -> None:
    for name in inputs:
        if name not in signature.by_name:
            expected = ", ".join(f"'{n}'" for n in signature.by_name)
            raise InvalidRequest(
                f"unexpected inference input '{_short(name)}' for model '{model}': it takes {expected}"
            )
    missing = [spec.name for spec in signature.inputs if not spec.optional and spec.name not in inputs]
    if missing:
        names = ", ".join(f"'{n}'" for n in missing)
        raise InvalidRequest(
            f"expected {len(signature.by_name)} inputs but got {len(inputs)} inputs for model '{model}': "
            f"{names} missing"
        )


def _unexpected_shape(model: str, spec: TensorSpec, shape: tuple[int, ...]) -> InvalidRequest:
    return InvalidRequest(
        f"unexpected shape for input '{spec.name}' for model '{model}'. Expected {list(spec.shape or ())}, "
        f"got {list(shape)}"
    )


def _short(text: str) -> str:
    """A client's text, fit to be repeated in an error or a log line."""
    shown = text.encode("unicode_escape", "replace").decode("ascii")
    return shown if len(shown) <= 80 else shown[:77] + "..."
