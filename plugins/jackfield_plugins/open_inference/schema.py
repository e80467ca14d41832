"""The JSON of an inference request, as it is decoded in one go: tensors' data is left as it came."""

from __future__ import annotations

import re

import msgspec

from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.outline import MOST_BESIDE_DATA, apart
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


_decode = msgspec.json.Decoder(InferMessage).decode


def parsed(text: bytes | memoryview) -> InferMessage:
    """The request in `text`; raises InvalidRequest."""
    try:
        return _decode(text) if len(text) <= MOST_BESIDE_DATA else _parsed_apart(text)
    except RecursionError:
        raise InvalidRequest("the request is nested too deeply") from None
    except ValueError as error:  # malformed JSON, wrong types, text that is not UTF-8
        raise InvalidRequest(_sentence(error)) from None


def _parsed_apart(text: bytes | memoryview) -> InferMessage:
    content, data = apart(text)
    message = _decode(content)
    for one, its_data in zip(message.inputs, data, strict=True):
        one.data = its_data
    return message


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
