"""The body of an inference request, decoded."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from jackfield import Array, Request
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.binary import from_binary
from jackfield_plugins.open_inference.datatypes import KINDS
from jackfield_plugins.open_inference.json_data import from_json
from jackfield_plugins.open_inference.outline import MOST_TENSORS, too_many_tensors
from jackfield_plugins.open_inference.outputs import Wanted, wanted
from jackfield_plugins.open_inference.parameters import refuse_shared_memory, settings, whole
from jackfield_plugins.open_inference.schema import InputMessage, parsed
from jackfield_plugins.open_inference.texts import shown

_MOST_AXES = 32
_MOST_ELEMENTS = 2**63 - 1
_LONGEST_ID = 1024


def decode(body: bytes, header_length: int, model: str, version: str) -> tuple[Request, Wanted]:
    """The request in `body`, whose first `header_length` bytes are JSON and the rest the inputs' binary data.

    Raises InvalidRequest or Unsupported with one sentence that says what is wrong; nothing else, whatever the body.
    Arrays from binary data are read-only views of `body`. Thread-safe.
    """
    whole_body = header_length == len(body)
    message = parsed(body if whole_body else memoryview(body)[:header_length])
    if len(message.inputs) > MOST_TENSORS or (message.outputs and len(message.outputs) > MOST_TENSORS):
        raise too_many_tensors()
    identity = message.id or ""
    if len(identity) > _LONGEST_ID:
        raise InvalidRequest(f"'id' has {len(identity)} characters, at most {_LONGEST_ID} are taken")
    inputs = _inputs(message.inputs, body, header_length)
    asked = settings(message.parameters)
    outputs = wanted(message.outputs, asked.binary)
    request = Request(
        model, inputs, version, identity, tuple(outputs.by_name), asked.others, asked.priority, asked.timeout
    )
    return request, outputs


def _inputs(messages: Sequence[InputMessage], body: bytes, position: int) -> dict[str, Array]:
    """The arrays by name; binary data is taken from `position` of `body` on, which must be used up then."""
    arrays: dict[str, Array] = {}
    for message in messages:
        name, shape = message.name, message.shape
        if name in arrays:
            raise InvalidRequest(f"input '{shown(name)}' is given twice")
        kind = KINDS.get(message.datatype)
        if kind is None or not name:
            raise _unusable(message)
        if len(shape) > _MOST_AXES or (shape and min(shape) < 0):
            raise _impossible(name, shape)
        count = prod(shape)
        if count > _MOST_ELEMENTS:
            raise _impossible(name, shape)
        size = _binary_size(message) if message.parameters else None
        data = bytes(message.data)
        if size is None:
            if not data:
                raise InvalidRequest(f"input '{shown(name)}' has neither 'data' nor the parameter 'binary_data_size'")
            arrays[name] = from_json(name, kind, shape, count, data)
            continue
        if data:
            raise InvalidRequest(f"input '{shown(name)}' has both 'data' and the parameter 'binary_data_size'")
        if size > len(body) - position:
            raise InvalidRequest(
                f"input '{shown(name)}': 'binary_data_size' is {size}, and {len(body) - position} bytes of the body "
                "are left"
            )
        arrays[name] = from_binary(name, kind, shape, count, body, position, size)
        position += size
    if position != len(body):
        raise InvalidRequest(
            f"the body has {len(body) - position} bytes more than its inputs' 'binary_data_size' add up to"
        )
    return arrays


def _binary_size(message: InputMessage) -> int | None:
    parameters = message.parameters or {}
    refuse_shared_memory(message.name, parameters)
    size = parameters.get("binary_data_size")
    return None if size is None else whole("binary_data_size", size)


def _unusable(message: InputMessage) -> InvalidRequest:
    if not message.name:
        return InvalidRequest("an input has an empty name")
    known = ", ".join(KINDS)
    return InvalidRequest(
        f"input '{shown(message.name)}': there is no datatype '{shown(message.datatype, 20)}', only {known}"
    )


def _impossible(name: str, shape: Sequence[int]) -> InvalidRequest:
    if len(shape) > _MOST_AXES:
        return InvalidRequest(f"input '{shown(name)}': its shape has {len(shape)} axes, at most {_MOST_AXES} are taken")
    given = shown(str(list(shape)))
    if min(shape) < 0:
        return InvalidRequest(f"input '{shown(name)}': its shape {given} has a negative axis")
    return InvalidRequest(f"input '{shown(name)}': its shape {given} has more elements than any tensor")
