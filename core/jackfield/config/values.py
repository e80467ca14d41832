"""The kinds of values that more than one section of the configuration has."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

LABEL = r"[A-Za-z0-9._-]+"
_LABEL = re.compile(LABEL)
LONGEST_LABEL = 128
SIZE = r"(\d+(?:\.\d+)?) ?([kKMGT]i?B|B)"
_SIZE = re.compile(SIZE, re.ASCII)
_UNITS = {"b": 1} | {
    letter + unit: base**power for power, letter in enumerate("kmgt", 1) for unit, base in (("b", 1000), ("ib", 1024))
}


def problem(text: str, key: str = "") -> PydanticCustomError:
    """An error whose text is shown as it stands, but for `{given}`: the value, as it may be shown. `key` is added to
    the path where the value is a section."""
    return PydanticCustomError("jackfield", "{text}", {"text": text, "key": key})


def _not_bool(kind: str) -> Callable[[Any], Any]:
    # A switch would pass as 0 or 1, and `replicas: true` is never what was meant.
    def check(value: Any) -> Any:
        if isinstance(value, bool):
            raise PydanticCustomError(kind, "expected a number")
        return value

    return check


def _false(value: Any) -> Any:
    # To pydantic, 0 is the literal False.
    if value is not False:
        raise PydanticCustomError("literal_error", "expected false", {"expected": "False"})
    return value


def _label(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise problem("got {given}, expected letters, digits, '.', '_' and '-' only")
    if len(value) > LONGEST_LABEL:
        raise problem(f"got {len(value)} characters, expected at most {LONGEST_LABEL}")
    if ".." in value or value == ".":
        raise problem("got {given}, which reads as a folder of a path: '.' alone and '..' are not allowed")
    return value


def _text(value: Any) -> Any:
    # `version: 2` is a number to YAML and plainly meant as a label; `1.10` has lost its zero already.
    if isinstance(value, float):
        raise problem("got the number {given}, expected text: write it in quotes")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _bytes(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value)
    if match is None:
        raise problem("got {given}, expected a number of bytes, as 1073741824 or '1 GiB' or '512MB'")
    return int(float(match[1]) * _UNITS[match[2].lower()])


NOT_BOOL = BeforeValidator(_not_bool("int_type"))
"""Stands last in an `Annotated`, so that it runs first."""
Count = Annotated[int, Field(ge=1), NOT_BOOL]
"""How many of something: at least one."""
Bytes = Annotated[
    int,
    Field(ge=1),
    BeforeValidator(_bytes),
    NOT_BOOL,
    WithJsonSchema({"type": ["integer", "string"], "minimum": 1, "pattern": SIZE}),
]
"""A number of bytes, which may be written with a unit."""
Axis = Annotated[int, Field(ge=0), NOT_BOOL]
"""Number or length of an axis: zero or more."""
Off = Annotated[Literal[False], BeforeValidator(_false)]
"""False, and not 0."""
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_not_bool("float_type"))]
"""A span of time: more than nothing."""
Label = Annotated[
    str,
    AfterValidator(_label),
    WithJsonSchema({"type": "string", "pattern": f"^{LABEL}$", "maxLength": LONGEST_LABEL}),
]
"""A name that can stand in a path of a URL."""
Version = Annotated[
    Label, BeforeValidator(_text), WithJsonSchema({"type": ["string", "integer"], "pattern": f"^{LABEL}$"})
]
"""A label that may be written as a whole number."""
