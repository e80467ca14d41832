"""A piece of an array in JSON: decoded, checked against its shape, packed; and which element of it is at fault."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from itertools import chain
from math import prod
from typing import Any

from jackfield_plugins.open_inference.datatypes import Kind, decoder
from jackfield_plugins.open_inference.texts import shown

_AT = re.compile(r" - at `\$((?:\[\d+\])+)`$")
_GOT = re.compile(r"got `(\w+)`")


class Fault(Exception):
    """What is wrong with an array; and if with a certain element, its position in row-major order."""

    def __init__(self, problem: str, position: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.position = position


def elements_of(kind: Kind, depth: int, inner: Sequence[int], text: bytes) -> list[Any]:
    """The elements in `text`, which is nested `depth` deep; `inner` are the lengths of its axes but for the first.

    Raises Fault where an element is of another type, or a row of another length.
    """
    assert kind.element is not None
    try:
        rows: list[Any] = decoder(kind.element, depth).decode(text)
    except ValueError as error:  # msgspec's errors, and text that is not UTF-8
        raise _not_decoded(kind, inner, error) from None
    for axis, length in enumerate(inner[: depth - 1], 1):
        wrong = set(map(len, rows)) - {length}
        if wrong:
            raise Fault(f"axis {axis} has length {max(wrong)} somewhere, and {length} in its shape")
        rows = rows[0] if len(rows) == 1 else list(chain.from_iterable(rows))
    return rows


def packed(kind: Kind, elements: Sequence[Any]) -> bytes:
    """The bytes of `elements`; raises Fault for one that is out of the datatype's range."""
    code = kind.code
    try:
        return struct.pack(f"<{len(elements)}{code}", *elements)
    except (OverflowError, struct.error):
        for position, element in enumerate(elements):
            try:
                struct.pack(f"<{code}", element)
            except (OverflowError, struct.error):
                raise Fault(f"{shown(str(element), 40)} is out of range for {kind.name}", position) from None
        raise


def _not_decoded(kind: Kind, inner: Sequence[int], error: ValueError) -> Fault:
    if isinstance(error, UnicodeDecodeError):
        return Fault("it has text that is not UTF-8")
    said = str(error)
    at = _AT.search(said)
    got = _GOT.search(said)
    problem = said[: at.start()] if at else said
    if got is not None:
        problem = f"expected {kind.name}, got {got[1]}"
    if at is None:
        return Fault(shown(problem, 160))
    index = [int(i) for i in at[1][1:-1].split("][")]
    return Fault(shown(problem, 160), sum(i * prod(inner[axis:]) for axis, i in enumerate(index)))
