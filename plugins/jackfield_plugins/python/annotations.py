"""The signature of a Python model, read from the types of its `predict`."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Union, get_args, get_origin

import numpy as np

from jackfield import Datatype, Shape, TensorSpec
from jackfield.errors import LoadError

_FORM = "Annotated[NDArray[np.float32], Shape(-1, 16)], NDArray[np.float32], list[str] or list[bytes]"
_RETURNS = "one such type, or a TypedDict, NamedTuple or dataclass of such"


@dataclass(frozen=True, slots=True)
class Bound:
    """A tensor, and how Python sees it: `element` is `str` or `bytes` for lists of these, None for arrays; `rows`: a
    list of arrays, one a row, of shapes that may differ.
    `none_if_absent`: an input that may be left out but has no default, so None is handed over."""

    spec: TensorSpec
    element: type | None = None
    none_if_absent: bool = False
    rows: bool = False


Plain = Callable[[Any], Sequence[Any]]
"""From what `predict` returned to the values of its outputs, in order."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The outputs, and how a returned value is taken apart."""

    outputs: tuple[Bound, ...]
    plain: Plain


def hints(function: Any, what: str) -> dict[str, Any]:
    """The type hints of `function` with what is annotated to them. Raises LoadError if they cannot be resolved."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise LoadError(f"the types of {what} cannot be resolved: {error}") from error


def parameters(function: Any, declared: frozenset[str], what: str) -> dict[str, Bound]:
    """Each parameter of `predict` but `self` as an input; those that the configuration declares (`declared`) need no
    type. Raises LoadError that shows the right form."""
    found = hints(function, what)
    inputs: dict[str, Bound] = {}
    for parameter in _own(function):
        name = parameter.name
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise LoadError(f"{what}: parameter '{name}' must be a plain one that can be given by name")
        has_default = parameter.default is not parameter.empty
        bound = _tensor(name, found.get(name), has_default=has_default)
        if bound is None:
            if name not in declared:
                raise LoadError(f"{what}: parameter '{name}' needs a type: {_FORM}, or must be declared under 'inputs'")
            bound = _left_open(name, optional=has_default)
        elif bound.spec.optional and not has_default:
            bound = replace(bound, none_if_absent=True)
        inputs[name] = bound
    if not inputs:
        raise LoadError(f"{what} takes no inputs: give it a parameter of type {_FORM}")
    return inputs


def returned(function: Any, declared: frozenset[str], what: str) -> Returned | None:
    """What `predict` returns; None if its type says nothing, which is allowed if the configuration declares outputs
    (`declared`). Raises LoadError that shows the right form."""
    hint = hints(function, what).get("return")
    one = _tensor("output", hint, has_default=False)
    if one is not None:
        return Returned((one,), lambda value: (value,))
    members = _members(hint, what)
    if members is None:
        if not declared:
            raise LoadError(f"{what} must say what it returns: {_RETURNS} ({_FORM})")
        return None
    outputs: list[Bound] = []
    for name, member in members.items():
        bound = _tensor(name, member, has_default=False)
        if bound is None and name not in declared:
            raise LoadError(f"{what}: '{name}' of what it returns needs a type: {_FORM}")
        outputs.append(bound or _left_open(name))
    return Returned(tuple(outputs), _taker(hint, tuple(members)))


def by_name_or_order(names: tuple[str, ...]) -> Plain:
    """How a value whose type says nothing is taken apart: a dict by its keys, a tuple in order, or a single value."""

    def take(value: Any) -> Sequence[Any]:
        if isinstance(value, dict):
            return [value[name] for name in names]
        return value if isinstance(value, tuple) else (value,)

    return take


def _left_open(name: str, *, optional: bool = False) -> Bound:
    """A tensor of which the configuration says what it is."""
    return Bound(TensorSpec(name, Datatype.FP32, None, optional=optional))


def _own(function: Any) -> list[inspect.Parameter]:
    """The parameters but `self`. `function` is looked up on the class: a plain function has it still."""
    found = list(inspect.signature(function).parameters.values())
    return found[1:] if found and found[0].name == "self" else found


def _tensor(name: str, hint: Any, *, has_default: bool) -> Bound | None:
    """The tensor that a type stands for; None if it stands for none."""
    inner, optional = _without_none(hint)
    shape = None
    if get_origin(inner) is Annotated:
        inner, *extras = get_args(inner)
        shape = next((extra.lengths for extra in extras if isinstance(extra, Shape)), None)
        inner, also = _without_none(inner)
        optional = optional or also
    optional = optional or has_default
    origin, args = get_origin(inner), get_args(inner)
    if origin is list and args in ((str,), (bytes,)) and (shape is None or len(shape) == 1):
        return Bound(TensorSpec(name, Datatype.BYTES, shape or (-1,), optional=optional), args[0])
    if origin is list and len(args) == 1 and shape is None:
        row = _tensor(name, args[0], has_default=False)
        if row is not None and row.element is None and not row.rows and row.spec.datatype is not Datatype.BYTES:
            whole = None if row.spec.shape is None else (-1, *row.spec.shape)
            return Bound(TensorSpec(name, row.spec.datatype, whole, optional=optional, ragged=True), rows=True)
    if origin is np.ndarray:
        dtype = _dtype(args)
        if dtype is not None:
            return Bound(TensorSpec(name, dtype, shape, optional=optional))
    return None


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        rest = [arg for arg in get_args(hint) if arg is not types.NoneType]
        if len(rest) == 1:
            return rest[0], True
    return hint, False


def _dtype(args: tuple[Any, ...]) -> Datatype | None:
    # ndarray[shape, dtype[scalar]]
    scalar = get_args(args[1])[0] if len(args) == 2 and get_args(args[1]) else None
    if not (isinstance(scalar, type) and issubclass(scalar, np.generic)):
        return None
    try:
        dtype = np.dtype(scalar)
        return None if dtype.kind in "SU" else Datatype.of(dtype)  # BYTES are object arrays, or lists
    except (TypeError, ValueError):
        return None


def _members(hint: Any, what: str) -> dict[str, Any] | None:
    named = typing.is_typeddict(hint) or dataclasses.is_dataclass(hint) or _is_named_tuple(hint)
    return hints(hint, f"what {what} returns") if named else None


def _is_named_tuple(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def _taker(hint: Any, names: tuple[str, ...]) -> Plain:
    if typing.is_typeddict(hint):
        return lambda value: [value[name] for name in names]
    if _is_named_tuple(hint):
        return lambda value: value
    return lambda value: [getattr(value, name) for name in names]
