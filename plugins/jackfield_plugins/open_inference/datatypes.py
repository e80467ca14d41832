"""What each datatype looks like on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import numpy as np

from jackfield import Datatype


@dataclass(frozen=True, slots=True)
class Kind:
    """A datatype's form in binary (`dtype`, `itemsize`; 0 for BYTES) and in JSON.

    `code` packs one element, as the module `struct` has it; empty where numbers have no JSON form, and for BYTES.
    `element` is the type of an element in JSON, None where there is no JSON form.
    """

    name: str
    dtype: np.dtype[Any]
    itemsize: int
    code: str
    element: type | None


def _kind(datatype: Datatype, code: str, element: type | None) -> tuple[str, Kind]:
    name = datatype.value
    return name, Kind(name, datatype.numpy, datatype.itemsize, code, element)


KINDS: Mapping[str, Kind] = dict(
    (
        _kind(Datatype.BOOL, "?", bool),
        _kind(Datatype.UINT8, "B", int),
        _kind(Datatype.UINT16, "H", int),
        _kind(Datatype.UINT32, "I", int),
        _kind(Datatype.UINT64, "Q", int),
        _kind(Datatype.INT8, "b", int),
        _kind(Datatype.INT16, "h", int),
        _kind(Datatype.INT32, "i", int),
        _kind(Datatype.INT64, "q", int),
        _kind(Datatype.FP16, "", None),
        _kind(Datatype.BF16, "", None),
        _kind(Datatype.FP32, "f", float),
        _kind(Datatype.FP64, "d", float),
        _kind(Datatype.BYTES, "", str),
    )
)
"""By the name that the protocol has for it."""


@cache  # bounded: four types of elements, and as many depths as a tensor may have axes
def decoder(element: type, depth: int) -> msgspec.json.Decoder[Any]:
    """Decodes lists nested `depth` deep of nothing but `element`, strictly: no bool is a number, no float an int."""
    nested: Any = element
    for _ in range(depth):
        nested = list[nested]
    return msgspec.json.Decoder(nested)
