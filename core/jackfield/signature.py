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
    by_name = signature.by_name
    if len(inputs) != len(by_name) or inputs.keys() != by_name.keys():
        _check_names(signature, model, inputs)
    rows = -1
    size = 0
    key: list[Hashable] = []
    named: dict[str, int] | None = None
    for name, array in inputs.items():
        spec = by_name[name]
        shape = array.shape
        expected = spec.shape
        if array.dtype != spec.datatype.numpy:
            raise InvalidRequest(
                f"input '{name}' of model '{model}': expected datatype {spec.datatype}, got {Datatype.of(array.dtype)}"
            )
        if expected is not None:
            if len(shape) != len(expected):
                raise _unexpected_shape(model, spec, shape)
            for given, wanted in zip(shape, expected, strict=True):
                if wanted != -1 and given != wanted:
                    raise _unexpected_shape(model, spec, shape)
        axis = spec.batch_axis
        if axis is None:
            key.append(_value_key(array))
        else:
            if len(shape) <= axis:
                raise _unexpected_shape(model, spec, shape)
            count = shape[axis]
            if rows == -1:
                rows = count
            elif rows != count:
                raise InvalidRequest(
                    f"inputs of model '{model}' must have the same number of rows: '{name}' has {count}, another has {rows}"
                )
            key.append(shape[1:] if axis == 0 else shape[:axis] + shape[axis + 1 :])
        if spec.axes:
            named = _check_axes(model, spec, shape, named)
        size += array.nbytes if spec.datatype is not Datatype.BYTES else array.size * _BYTES_ELEMENT
    if len(inputs) != len(by_name):  # optional inputs: those that lack one cannot share a step with those that have it
        key.append(tuple(inputs))
    return Measure(max(rows, 0) if rows != -1 else 1, size, tuple(key))


def _value_key(array: Array) -> Hashable:
    if array.dtype.kind == "O":
        return (array.shape, tuple(array.ravel().tolist()))
    return (array.shape, array.tobytes())


def _check_axes(model: str, spec: TensorSpec, shape: tuple[int, ...], named: dict[str, int] | None) -> dict[str, int]:
    if named is None:
        named = {}
    for axis, length in zip(spec.axes, shape, strict=False):
        if axis and named.setdefault(axis, length) != length:
            raise InvalidRequest(
                f"unexpected shape for input '{spec.name}' for model '{model}': axis '{axis}' has length {length} here "
                f"and {named[axis]} in another input"
            )
    return named


def _check_names(signature: Signature, model: str, inputs: Mapping[str, Array]) -> None:
    for name in inputs:
        if name not in signature.by_name:
            expected = ", ".join(f"'{n}'" for n in signature.by_name)
            raise InvalidRequest(f"unexpected inference input '{_short(name)}' for model '{model}': it takes {expected}")
    missing = [spec.name for spec in signature.inputs if not spec.optional and spec.name not in inputs]
    if missing:
        names = ", ".join(f"'{n}'" for n in missing)
        raise InvalidRequest(
            f"expected {len(signature.by_name)} inputs but got {len(inputs)} inputs for model '{model}': {names} missing"
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
