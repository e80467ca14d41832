"""Outputs as JSON: flat lists, straight from NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import orjson

from jackfield import Array
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.binary import as_bytes

LARGE = 16 * 1024
"""Elements beyond which an output is encoded in pieces, between which other threads run."""


def to_json(name: str, array: Array) -> Any:
    """What orjson makes a flat list of. Raises InvalidRequest if a BYTES element is not text."""
    if array.dtype.kind == "O":
        return [_text(name, element) for element in array.ravel().tolist()]
    flat = array.ravel()  # a view, or a copy where it is not contiguous
    if flat.size <= LARGE:
        return flat
    pieces = (_dumps(flat[start : start + LARGE])[1:-1] for start in range(0, flat.size, LARGE))
    return orjson.Fragment(b"[" + b",".join(pieces) + b"]")


def refuse_infinite(outputs: Iterable[tuple[str, Array]]) -> None:
    """Raise InvalidRequest if one of these, which were encoded as JSON, has a NaN or an infinity."""
    for name, array in outputs:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InvalidRequest(
                f"output '{name}' has NaN or infinite elements, which JSON cannot express: ask for it as binary data "
                "('binary_data')"
            )


def _dumps(flat: Array) -> bytes:
    return orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY)


def _text(name: str, element: object) -> str:
    try:
        return as_bytes(element).decode()
    except UnicodeDecodeError:
        raise InvalidRequest(
            f"output '{name}' has elements that are not UTF-8 text, which JSON cannot express: ask for it as binary "
            "data ('binary_data')"
        ) from None
