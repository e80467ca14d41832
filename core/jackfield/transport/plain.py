"""What of the domain goes along as plain data."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from jackfield.errors import ExecutionFailed, JackfieldError, Unavailable


class Freed(msgspec.Struct, array_like=True, tag="freed"):
    """A message: these places of the other side's arena are not read any more."""

    offsets: list[int]


def error_of(name: str, message: str, retry_after: float = 1.0) -> JackfieldError:
    """The error of the domain by its name; one that is not known here is ExecutionFailed."""
    kind = _kinds(JackfieldError).get(name, ExecutionFailed)
    found = kind(message)
    if isinstance(found, Unavailable):
        found.retry_after = retry_after
    return found


def plain_value(value: Any) -> Any:
    """What NumPy brings into parameters, as data; for an encoder to call. Raises TypeError for anything else."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.dtype):
        return value.str
    raise TypeError(f"an object of type {type(value).__name__} cannot be sent to another process")


def _kinds(base: type[JackfieldError]) -> dict[str, type[JackfieldError]]:
    found = {base.__name__: base}
    for kind in base.__subclasses__():
        found.update(_kinds(kind))
    return found
