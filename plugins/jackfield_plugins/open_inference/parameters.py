"""The parameters of a request: those with a meaning here, those that are reserved, and the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jackfield.errors import InvalidRequest, Unsupported
from jackfield_plugins.open_inference.schema import Parameters, Scalar
from jackfield_plugins.open_inference.texts import shown

_MOST = 2**63 - 1
_MOST_PRIORITY = 2**32 - 1


@dataclass(slots=True)
class Settings:
    """What a request's parameters ask for. `timeout` is in seconds; `others` go on to the model."""

    others: dict[str, Any]
    binary: bool = False
    priority: int = 0
    timeout: float | None = None


def settings(parameters: Parameters | None) -> Settings:
    """Sort `parameters`; raises InvalidRequest or Unsupported naming the one that is wrong."""
    found = Settings({})
    if not parameters:
        return found
    for name, value in parameters.items():
        if name == "binary_data_output":
            found.binary = flag(name, value)
        elif name == "priority":
            found.priority = whole(name, value, _MOST_PRIORITY)
        elif name == "timeout":
            found.timeout = whole(name, value) / 1e6 or None  # 0: the default one
        elif name.startswith("sequence_"):
            raise Unsupported(f"parameter '{shown(name)}': sequences that keep state on the server are not supported")
        elif name == "headers" or name.startswith("triton_"):
            raise InvalidRequest(f"parameter '{shown(name)}' is reserved and cannot be set by a request")
        else:
            found.others[name] = value
    return found


def flag(name: str, value: Scalar) -> bool:
    """`value` of parameter `name`, which must be true or false."""
    if isinstance(value, bool):
        return value
    raise InvalidRequest(f"parameter '{name}' must be true or false, got {_given(value)}")


def whole(name: str, value: Scalar, most: int = _MOST) -> int:
    """`value` of parameter `name`, which must be a whole number from 0 to `most`."""
    if type(value) is int and 0 <= value <= most:
        return value
    raise InvalidRequest(f"parameter '{name}' must be a whole number from 0 to {most}, got {_given(value)}")


def refuse_shared_memory(name: str, parameters: Parameters) -> None:
    """Say that tensor `name` cannot be passed by shared memory, if `parameters` ask for that."""
    if any(key.startswith("shared_memory_") for key in parameters):
        raise Unsupported(f"tensor '{shown(name)}': shared memory is not supported, send the data in the body")


def _given(value: Scalar) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"'{shown(value, 40)}'" if isinstance(value, str) else shown(str(value), 40)
