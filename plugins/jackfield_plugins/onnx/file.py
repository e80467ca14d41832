"""What must be known of an ONNX file before a runtime touches it, read straight from its protobuf fields.

The runtime's own reader tells neither which other files a model takes its weights from nor whether a tensor is a scalar
or of unknown rank; and the `onnx` package, which does, is no dependency for the sake of four fields. Weights are
skipped over, not read.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_DEEPEST = 64  # graphs within graphs; real models stay below 5
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_Span = tuple[int, int]

# field numbers of onnx.proto: which fields of a message lead to which message
_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "function": {7: "node"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
}


@dataclass(slots=True)
class OnnxFile:
    """`external`: the places of external weights as the model gives them, each once. `unranked`: names of the inputs
    and outputs whose number of axes the model does not state."""

    external: list[str] = field(default_factory=list)
    unranked: set[str] = field(default_factory=set)


def read(path: Path) -> OnnxFile:
    """Read the file at `path`. Raises ValueError if it is no protobuf message or ends too early, OSError."""
    found = OnnxFile()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _walk(data, (0, len(data)), "model", found, 0)
    return found


def _walk(data: mmap.mmap, span: _Span, message: str, found: OnnxFile, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError("graphs are nested too deeply")
    children = _CHILDREN[message]
    for number, inner in _fields(data, span):
        child = children.get(number)
        if child == "external":
            _external(data, inner, found)
        elif child is not None:
            _walk(data, inner, child, found, depth + 1)
        elif message == "graph" and number in (11, 12) and depth == 1:
            _value(data, inner, found)


def _external(data: mmap.mmap, span: _Span, found: OnnxFile) -> None:
    texts = {number: data[start:stop] for number, (start, stop) in _fields(data, span)}
    if texts.get(1) == b"location":
        place = texts.get(2, b"").decode()
        if place not in found.external:
            found.external.append(place)


def _value(data: mmap.mmap, span: _Span, found: OnnxFile) -> None:
    name, ranked = "", False
    for number, (start, stop) in _fields(data, span):
        if number == 1:
            name = data[start:stop].decode()
        elif number == 2:  # type > tensor_type > shape
            for kind, tensor in _fields(data, (start, stop)):
                ranked = kind == 1 and any(inner == 2 for inner, _ in _fields(data, tensor))
    if not ranked:
        found.unranked.add(name)


def _fields(data: mmap.mmap, span: _Span) -> Iterator[tuple[int, _Span]]:
    """Number and extent of each length-delimited field in `span`; others are stepped over."""
    at, end = span
    while at < end:
        tag, at = _varint(data, at, end)
        wire = tag & 7
        if wire == _BYTES:
            length, at = _varint(data, at, end)
            if length > end - at:
                raise ValueError("a field reaches beyond the end")
            yield tag >> 3, (at, at + length)
            at += length
        elif wire == _VARINT:
            _, at = _varint(data, at, end)
        elif wire in (_FIXED64, _FIXED32):
            at += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError("this is not a protobuf message")
    if at != end:
        raise ValueError("a field reaches beyond the end")


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a number reaches beyond the end")
