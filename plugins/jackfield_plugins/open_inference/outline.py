"""A large request taken apart without making an object of each of its parts.

Decoding holds the interpreter's lock: for seconds, and for as much memory, if there are millions of parameters, axes or
tensors, and all other clients would wait. Only the inputs' data may be large, and that is decoded elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from jackfield.errors import InvalidRequest, TooLarge

MOST_TENSORS = 1024
MOST_BESIDE_DATA = 1024 * 1024
"""Bytes of JSON that may stand beside the inputs' data."""

_ABSENT = msgspec.Raw(b"")
_OF_REQUEST = ("id", "outputs", "parameters")
_OF_INPUT = ("name", "shape", "datatype", "parameters")


class _Input(msgspec.Struct, gc=False):
    name: msgspec.Raw = _ABSENT
    shape: msgspec.Raw = _ABSENT
    datatype: msgspec.Raw = _ABSENT
    parameters: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT


# it takes as many elements of an array as it has fields, and steps over the others without an object for each
_Inputs: Any = msgspec.defstruct(
    "_Inputs",
    [(f"input_{number}", _Input | None, msgspec.UNSET) for number in range(MOST_TENSORS + 1)],
    array_like=True,
)


class _Request(msgspec.Struct):
    inputs: _Inputs
    id: msgspec.Raw = _ABSENT
    outputs: msgspec.Raw = _ABSENT
    parameters: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(_Request).decode


def apart(text: bytes | memoryview) -> tuple[bytes, list[msgspec.Raw]]:
    """The request in `text` without its inputs' data, as JSON, and the data of each input.

    Raises TooLarge if much of it is not data, InvalidRequest if it has too many inputs, and msgspec's errors if it is
    no request. Of equal keys only the last one is left.
    """
    request = _decode(text)
    inputs = [one for one in msgspec.structs.astuple(request.inputs) if one is not msgspec.UNSET]
    if len(inputs) > MOST_TENSORS:
        raise too_many_tensors()
    beside = _size(request, _OF_REQUEST) + sum(_size(one, _OF_INPUT) for one in inputs if one is not None)
    if beside > MOST_BESIDE_DATA:
        raise TooLarge(f"the request has more than {MOST_BESIDE_DATA} bytes of JSON beside its inputs' data")
    parts = [b"null" if one is None else _object(one, _OF_INPUT) for one in inputs]
    rest = _object(request, _OF_REQUEST)
    separator = b"," if len(rest) > 2 else b""
    content = b'{"inputs":[' + b",".join(parts) + b"]" + separator + rest[1:]
    return content, [_ABSENT if one is None else one.data for one in inputs]


def too_many_tensors() -> InvalidRequest:
    """That a request has more inputs or outputs than are taken."""
    return InvalidRequest(f"at most {MOST_TENSORS} inputs and as many outputs are taken")


def _size(struct: msgspec.Struct, names: Sequence[str]) -> int:
    return sum(len(getattr(struct, name)) for name in names)


def _object(struct: msgspec.Struct, names: Sequence[str]) -> bytes:
    """The JSON object of those of these fields that are there."""
    fields = ((name, bytes(getattr(struct, name))) for name in names)
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in fields if value) + b"}"
