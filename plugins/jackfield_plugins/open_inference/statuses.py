"""Errors of the domain as statuses of HTTP."""

from __future__ import annotations

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
from jackfield_plugins.open_inference.repository_key import NoRepositoryKey

_STATUSES: tuple[tuple[type[JackfieldError], int], ...] = (  # the first that fits: subclasses stand before their base
    (UnknownEncoding, 415),
    (BodyTimeout, 408),
    (TooLarge, 413),
    (InvalidRequest, 400),
    (NotFound, 404),
    (NoRepositoryKey, 401),
    (Unsupported, 501),
    (QuotaExceeded, 429),
    (Unavailable, 503),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (Expired, 503),
    (ExecutionFailed, 500),
)


def status_of(error: JackfieldError, overload_status: int) -> int:
    """The status that `error` is answered with."""
    if isinstance(error, Overloaded):
        return overload_status
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def headers_of(error: JackfieldError) -> list[tuple[bytes, bytes]]:
    """The headers that go with it."""
    if isinstance(error, Unavailable):
        return [(b"retry-after", b"%d" % error.whole_seconds)]
    if isinstance(error, NoRepositoryKey):
        return [(b"www-authenticate", b"Bearer"), (b"connection", b"close")]
    if isinstance(error, UnknownEncoding):
        return [(b"accept-encoding", b"gzip, deflate")]
    if isinstance(error, (TooLarge, BodyTimeout)):  # the body was not read: the connection cannot be used again
        return [(b"connection", b"close")]
    return []
