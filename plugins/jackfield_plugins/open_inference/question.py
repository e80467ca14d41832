"""The body of a `generate` request, decoded.

Each field, of the body and of its `parameters` alike, is the input of that name, or a parameter if there is none; a
model that generates takes `text_input` in place of its tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from jackfield import Array, Request, Version
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.fields import tensor
from jackfield_plugins.open_inference.language import TOKENS, Language, language_of
from jackfield_plugins.open_inference.parameters import flag, settings
from jackfield_plugins.open_inference.texts import shown

_TEXT = "text_input"
_LONGEST_ID = 1024
_MOST_FIELDS = 1024
_RETURNED = ("return_finish_reason", "return_num_input_tokens", "return_num_output_tokens")
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

Fields = dict[str, msgspec.Raw]


@dataclass(slots=True)
class Question:
    """A request, and what its answer is made of. `identity` is its own id; `before`: the text that the answer begins
    with; `stream`: whether it may come in pieces, None if nothing is said; `returned`: what else is to be told."""

    request: Request
    identity: str
    before: str = ""
    stream: bool | None = None
    returned: frozenset[str] = frozenset()


def decode(body: bytes, version: Version) -> Question:
    """The question in `body` for `version`, which is ready. Tokenizes, so a model's question is not for the event loop.
    Thread-safe. Raises InvalidRequest or Unsupported with one sentence that says what is wrong."""
    try:
        fields = _fields(body)
        identity = _text("id", fields.pop("id")) if "id" in fields else ""
        if len(identity) > _LONGEST_ID:
            raise InvalidRequest(f"'id' has {len(identity)} characters, at most {_LONGEST_ID} are taken")
        language = language_of(version.about, version.signature)
        before = _text(_TEXT, fields.pop(_TEXT)) if language is not None and _TEXT in fields else None
        inputs = {spec.name: tensor(spec, _bytes(fields.pop(spec.name))) for spec in version.signature.inputs
                  if spec.name in fields}  # fmt: skip
        given = {name: msgspec.json.decode(value) for name, value in fields.items()}
    except RecursionError:
        raise InvalidRequest("the request is nested too deeply") from None
    except ValueError as error:  # malformed JSON, and text that is not UTF-8
        raise InvalidRequest(f"the request is not valid JSON: {shown(str(error), 160)}") from None
    question = Question(Request(version.model, inputs), identity)
    _asked(question, given)
    if language is not None:
        _prompted(question, language, before)
    return question


def _fields(body: bytes) -> Fields:
    """Those of the body and of its parameters."""
    fields = _object("the request", body)
    parameters = fields.pop("parameters", None)
    if parameters is not None and _bytes(parameters) != b"null":
        for name, value in _object("'parameters'", parameters).items():
            if name in fields:
                raise InvalidRequest(f"'{shown(name)}' is given twice: in the request and in its 'parameters'")
            fields[name] = value
    if len(fields) > _MOST_FIELDS:
        raise InvalidRequest(f"the request has {len(fields)} fields, at most {_MOST_FIELDS} are taken")
    return fields


def _object(what: str, text: bytes | msgspec.Raw) -> Fields:
    try:
        return _decode(text)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{what} must be an object: {shown(str(error), 160)}") from None


def _text(name: str, value: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(value, type=str)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"'{name}' must be a text: {shown(str(error), 160)}") from None


def _bytes(value: msgspec.Raw) -> bytes:
    return bytes(value)


def _asked(question: Question, given: dict[str, Any]) -> None:
    """Sort the parameters: those with a meaning here, those that are reserved, and the model's."""
    sampling = given.pop("sampling_parameters", None)
    if sampling is not None:
        for name, value in _sampling(sampling).items():
            given.setdefault(name, value)
    stream = given.pop("stream", None)
    question.stream = None if stream is None else flag("stream", stream)
    question.returned = frozenset(name for name in _RETURNED if flag(name, given.pop(name, False)))
    asked = settings(given)
    request = question.request
    request.parameters, request.priority, request.timeout = asked.others, asked.priority, asked.timeout


def _sampling(value: Any) -> dict[str, Any]:
    """Parameters as clients send them that can only send tensors: an object, written as a text."""
    try:
        found = msgspec.json.decode(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    raise InvalidRequest("parameter 'sampling_parameters' must be an object in JSON, or a text of one")


def _prompted(question: Question, language: Language, text: str | None) -> None:
    """Put the prompt's tokens in, and see whether the answer begins with it."""
    request = question.request
    excluded = flag("exclude_input_in_output", request.parameters.pop("exclude_input_in_output", True))
    if text is None:
        if TOKENS not in request.inputs:
            raise InvalidRequest(
                f"the request must have '{_TEXT}', the prompt as a text, or '{TOKENS}', its tokens, for model "
                f"'{request.model}'"
            )
        if not excluded:
            raise InvalidRequest(f"parameter 'exclude_input_in_output' can only be false for a '{_TEXT}'")
        return
    if TOKENS in request.inputs:
        raise InvalidRequest(f"'{_TEXT}' and '{TOKENS}' are both given, and either is the prompt")
    tokens: Array = np.array(language.tokenizer.encode(text), np.int32)
    request.inputs[TOKENS] = tokens
    question.before = "" if excluded else text
