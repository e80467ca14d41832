"""Errors of the domain as this protocol tells them: a status, and an object that clients know how to read."""

from __future__ import annotations

import re
from typing import Any

import orjson

from jackfield.errors import (
    ExecutionFailed,
    Expired,
    Forbidden,
    InvalidRequest,
    JackfieldError,
    NotFound,
    Overloaded,
    QuotaExceeded,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from jackfield.web import BodyTimeout
from jackfield_plugins.open_inference.compression import UnknownEncoding
from jackfield_plugins.openai.fault import Fault, UnknownModel

_NAMED = re.compile(r"^parameter '(\w+)")

INVALID, SERVER, BUSY = "invalid_request_error", "server_error", "rate_limit_error"

_Row = tuple[type[JackfieldError], int, str, str | None]
_KINDS: tuple[_Row, ...] = (  # subclasses stand before their base
    (UnknownEncoding, 415, INVALID, "unsupported"),
    (BodyTimeout, 408, INVALID, "timeout"),
    (Fault, 400, INVALID, None),
    (TooLarge, 413, INVALID, "too_large"),
    (InvalidRequest, 400, INVALID, None),
    (UnknownModel, 404, INVALID, "model_not_found"),
    (NotFound, 404, INVALID, "not_found"),
    (Unsupported, 400, INVALID, "unsupported"),  # clients try again after every status from 500 on
    (Overloaded, 503, SERVER, "overloaded"),
    (QuotaExceeded, 429, BUSY, "rate_limit_exceeded"),
    (Unavailable, 503, SERVER, "unavailable"),
    (Unauthenticated, 401, INVALID, "invalid_api_key"),
    (Forbidden, 403, INVALID, "permission_denied"),
    (Expired, 503, SERVER, "timeout"),
    (ExecutionFailed, 500, SERVER, "execution_failed"),
    (JackfieldError, 500, SERVER, None),
)


def told(error: JackfieldError, overload_status: int) -> tuple[int, dict[str, Any]]:
    """The status of `error`, and the object that tells of it."""
    _, status, kind, code = next(row for row in _KINDS if isinstance(error, row[0]))
    text = str(error).encode("utf-8", "replace").decode()  # a lone surrogate must not make the error fail
    param = None
    if isinstance(error, Fault):
        param, code = error.param, error.code
    elif isinstance(error, UnknownModel):
        param = "model"
    elif isinstance(error, Overloaded):
        status = overload_status
        kind = BUSY if status == 429 else SERVER
    elif isinstance(error, InvalidRequest) and (named := _NAMED.match(text)):
        param = named[1]
    return status, described(text, kind, param, code)


def described(text: str, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """An error as clients expect it."""
    return {"error": {"message": text, "type": kind, "param": param, "code": code}}


def event(content: dict[str, Any]) -> bytes:
    """An error in the middle of a stream."""
    return b"data: " + orjson.dumps(content) + b"\n\n"


def headers_of(error: JackfieldError) -> list[tuple[bytes, bytes]]:
    """The headers that go with it."""
    if isinstance(error, Unavailable):
        return [(b"retry-after", b"%d" % error.whole_seconds)]
    if isinstance(error, ExecutionFailed):
        return [(b"x-should-retry", b"false")]  # it would fail again, and clients try again after a 500
    if isinstance(error, BodyTimeout) or (isinstance(error, TooLarge) and not isinstance(error, Fault)):
        return [(b"connection", b"close")]  # the body was not read: the connection cannot be used again
    return []
