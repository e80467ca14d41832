"""The JSON of an inference request, as it is decoded in one go: tensors' data is left as it came."""

from __future__ import annotations

import re

import msgspec

from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.texts import shown

Scalar = str | int | float | bool | None
Parameters = dict[str, Scalar]
_AT = re.compile(r" - at `\$([^`]*)`$")


class InputMessage(msgspec.Struct, gc=False):
    """One input. `data` is empty if the request has none."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"")
    parameters: Parameters | None = None


class OutputMessage(msgspec.Struct, gc=False):
    """One output that is asked for."""

    name: str
    parameters: Parameters | None = None


class InferMessage(msgspec.Struct, gc=False):
    """The request. Fields that the protocol does not have are ignored, as it says."""

    inputs: list[InputMessage]
    id: str | None = None
    outputs: list[OutputMessage] | None = None
    parameters: Parameters | None = None


class _Outline(msgspec.Struct):
    """The request, of which nothing is decoded yet."""

    inputs: msgspec.Raw = msgspec.Raw(b"")
    id: msgspec.Raw = msgspec.Raw(b"")
    outputs: msgspec.Raw = msgspec.Raw(b"")
    parameters: msgspec.Raw = msgspec.Raw(b"")


class _InputOutline(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"")


MOST_TENSORS = 1024
_MOST_BESIDE_DATA = 1024 * 1024  # bytes
_decode = msgspec.json.Decoder(InferMessage).decode
_outline = msgspec.json.Decoder(_Outline).decode
# takes as many elements of an array as it has fields, and steps over the others without an object for each
_FirstInputs = msgspec.defstruct(
    "_FirstInputs", [(f"input_{n}", msgspec.Raw, msgspec.Raw(b"")) for n in range(MOST_TENSORS + 1)], array_like=True
)
_first_inputs = msgspec.json.Decoder(_FirstInputs).decode
_input_outline = msgspec.json.Decoder(_InputOutline).decode


def parsed(text: bytes | memoryview) -> InferMessage:
    """The request in `text`; raises InvalidRequest."""
    try:
        if len(text) > _MOST_BESIDE_DATA:
            _check_outline(text)
        return _decode(text)
    except RecursionError:
        raise InvalidRequest("the request is nested too deeply") from None
    except ValueError as error:  # malformed JSON, wrong types, text that is not UTF-8
        raise InvalidRequest(_sentence(error)) from None


def _check_outline(text: bytes | memoryview) -> None:
    """Raise InvalidRequest if much of `text` is not data. Decoding holds the interpreter's lock, for seconds if there
    are millions of parameters or axes, and all other clients would wait."""
    outline = _outline(text)
    first = [bytes(one) for one in msgspec.structs.astuple(_first_inputs(outline.inputs or b"[]")) if one]
    if len(first) > MOST_TENSORS:
        raise too_many_tensors()
    beside = sum(len(bytes(part)) for part in (outline.id, outline.outputs, outline.parameters))
    beside += sum(len(one) - len(bytes(_input_outline(one).data)) for one in first)
    if beside > _MOST_BESIDE_DATA:
        raise InvalidRequest(f"the request has more than {_MOST_BESIDE_DATA} bytes of JSON beside its inputs' data")


def too_many_tensors() -> InvalidRequest:
    """That a request has more inputs or outputs than are taken."""
    return InvalidRequest(f"at most {MOST_TENSORS} inputs and as many outputs are taken")


def _sentence(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "the request is not valid JSON: it has text that is not UTF-8"
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return f"the request is not valid JSON: {shown(text, 160)}"
    at = _AT.search(text)
    where = f"'{shown(at[1].lstrip('.'))}' of the request" if at else "the request"
    problem = text[: at.start()] if at else text
    return f"{where} is wrong: {shown(problem[:1].lower() + problem[1:], 160)}"
