"""The JSON of a request: decoded in one go, and if it is wrong, one sentence that says where and what was there."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from jackfield_plugins.open_inference.texts import shown
from jackfield_plugins.openai.fault import Fault

T = TypeVar("T")
_AT = re.compile(r" - at `\$([^`]*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_WORTH_LOOKING = 64 * 1024  # bytes of a wrong request that are decoded a second time to say what was there
_NOTHING = object()


def decoded(body: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[T], param: str | None = None) -> T:
    """The message in `body`. `param`: the field that `body` is, where it is not the whole request.

    Raises Fault, whatever the body is. Thread-safe; long bodies are not for the event loop."""
    try:
        return decoder.decode(body)
    except RecursionError:
        raise Fault("the request is nested too deeply", param) from None
    except UnicodeDecodeError:
        raise Fault("the request is not valid JSON: it has text that is not UTF-8", param) from None
    except msgspec.ValidationError as error:
        raise _wrong(str(error), bytes(body), param) from None
    except ValueError as error:
        raise Fault(f"the request is not valid JSON: {shown(str(error), 160)}", param) from None


def _wrong(text: str, body: bytes, param: str | None) -> Fault:
    at = _AT.search(text)
    path = at[1] if at else ""
    problem = (text[: at.start()] if at else text).replace("`", "'")
    steps = [name or place for name, place in _STEP.findall(path)]
    if not steps and (missing := re.search(r"missing required field '(\w+)'", problem)):
        return Fault(f"the request must have '{missing[1]}'", missing[1])
    where = ("." if not path.startswith("[") else "").join([param, path.lstrip(".")]) if param else path.lstrip(".")
    first = param or (steps[0] if steps else None)
    given = _given(body, steps)
    return Fault(
        f"{repr(shown(where)) if where else 'the request'}: {shown(problem[:1].lower() + problem[1:], 160)}{given}",
        None if first is None else shown(first),
    )


def _given(body: bytes, steps: list[str]) -> str:
    """What stands in `body` at `steps`."""
    if len(body) > _WORTH_LOOKING:
        return ""
    try:
        value: Any = msgspec.json.decode(body)
    except (ValueError, RecursionError):  # what comes behind is no better
        return ""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step, _NOTHING)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return ""
    if value is _NOTHING:
        return ""
    return f", got {shown(msgspec.json.encode(value).decode(), 60)}"
