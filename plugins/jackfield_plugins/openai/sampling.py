"""What completions and chat have in common: how tokens are chosen, and when an answer ends."""

from __future__ import annotations

from typing import Any

import msgspec

from jackfield_plugins.generation.parameters import MAX_N
from jackfield_plugins.openai.fault import Fault
from jackfield_plugins.openai.reading import decoded
from jackfield_plugins.openai.schema import Sampling, given

_SAME_NAME = (
    "min_tokens",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "seed",
    "stop",
    "stop_token_ids",
    "ignore_eos",
    "n",
    "cache_salt",
)
_MOST_PRIORITY = 2**32 - 1
_LONGEST_SALT = 256


class _Format(msgspec.Struct):
    type: str


_format = msgspec.json.Decoder(_Format)


def sampling(body: Sampling) -> dict[str, Any]:
    """The parameters of a request by the names that generation has for them; nothing for what was not said.

    Their ranges are checked where the request is accepted. Raises Fault for what is decided here.
    """
    refuse_formats(body)
    found = {name: value for name in _SAME_NAME if (value := getattr(body, name)) is not None}
    if body.include_stop_str_in_output:
        found["include_stop"] = True
    if body.n is not None and not 1 <= body.n <= MAX_N:
        raise Fault(f"'n' must be at least 1 and at most {MAX_N}, got {_short(body.n)}", "n")
    if body.cache_salt is not None and len(body.cache_salt) > _LONGEST_SALT:
        raise Fault(
            f"'cache_salt' must have at most {_LONGEST_SALT} characters, got {len(body.cache_salt)}", "cache_salt"
        )
    if body.stream_options is not None and not body.stream:
        raise Fault("'stream_options' is for requests with 'stream': true only", "stream_options")
    return found


def checked_priority(priority: int | None) -> int:
    """A request's priority: 1 is the highest, 0 or None the model's default. Raises Fault."""
    priority = priority or 0
    if not 0 <= priority <= _MOST_PRIORITY:
        raise Fault(f"'priority' must be from 0 to {_MOST_PRIORITY}, got {_short(priority)}", "priority")
    return priority


def refuse_formats(body: Sampling) -> None:
    """Only text can be promised."""
    if not given(body.response_format):
        return
    asked = decoded(body.response_format, _format, "response_format").type
    if asked in ("json_object", "json_schema"):
        raise Fault(
            f"'response_format' '{asked}' is not supported yet: only 'text' is; ask for JSON in the prompt, and "
            "check what comes",
            "response_format",
            "unsupported",
        )
    if asked != "text":
        raise Fault("'response_format' must have the type 'text'", "response_format")


def _short(value: int) -> str:
    return str(value) if abs(value) < 10**20 else "a huge number"
