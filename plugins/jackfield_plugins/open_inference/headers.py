"""The headers of an inference that have a meaning here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from jackfield import Work
from jackfield.errors import InvalidRequest

Headers = Mapping[bytes, bytes]

RAW = -1
"""The body is the bytes of one input, without JSON."""

_LENGTH = b"inference-header-content-length"
_REQUEST_ID = re.compile(rb"[!-~]{1,128}")
_TRACE = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


_LONGEST_TENANT = 128  # characters; what is longer is told apart by its beginning


class Said(NamedTuple):
    """What the headers of a request say; read once for all requests with the same head."""

    headers: Headers
    identity: str
    trace: str
    tenant: str
    echoed: tuple[tuple[bytes, bytes], ...]
    accepts: bytes | None


def said(headers: Headers, tenant_header: bytes | None) -> Said:
    """Read `headers`; those that are not fit for logs and answers are left out."""
    identity, traceparent = request_id(headers), trace(headers)
    tenant = "" if tenant_header is None else headers.get(tenant_header, b"")[:_LONGEST_TENANT].decode("latin-1")
    answered = tuple(echoed(identity, traceparent))
    return Said(headers, identity, traceparent, tenant, answered, headers.get(b"accept-encoding"))


def declared_length(headers: Headers) -> int:
    """How many bytes the body is said to have; 0 if nothing is said, or nothing that makes sense."""
    given = headers.get(b"content-length")
    return int(given) if given is not None and given.isdigit() and len(given) < 20 else 0


def header_length(headers: Headers, size: int) -> int:
    """How many of the body's `size` bytes are JSON, or RAW; raises InvalidRequest."""
    given = headers.get(_LENGTH)
    if given is None:  # whatever the content type says: clients send JSON as octet-stream, too
        return size
    if not given.isdigit() or len(given) > 19:
        shown = given[:40].decode("ascii", "backslashreplace")
        raise InvalidRequest(f"Inference-Header-Content-Length must be a whole number of bytes, got '{shown}'")
    length = int(given)
    if length > size:
        raise InvalidRequest(f"Inference-Header-Content-Length is {length}, and the body has {size} bytes")
    return length or RAW


def request_id(headers: Headers) -> str:
    """The id that the client's side gave the request, empty if there is none that is fit for logs and headers."""
    given = headers.get(b"x-request-id")
    return given.decode() if given is not None and _REQUEST_ID.fullmatch(given) else ""


def trace(headers: Headers) -> str:
    """The trace that the request belongs to (W3C `traceparent`), empty if there is none that is well-formed."""
    given = headers.get(b"traceparent")
    return given.decode() if given is not None and _TRACE.fullmatch(given) else ""


def echoed(identity: str, traceparent: str) -> list[tuple[bytes, bytes]]:
    """The headers of the answer that tell which request it belongs to."""
    headers = []
    if identity:
        headers.append((b"x-request-id", identity.encode()))
    if traceparent:
        headers.append((b"traceparent", traceparent.encode()))
    return headers


def server_timing(work: Work) -> bytes | None:
    """Where the time went, in milliseconds, as browsers and load generators read it."""
    report = work.report
    if report is None:
        return None
    queue = work.finished - work.arrival - report.prepare - report.execute - report.finish
    return b'queue;dur=%.2f, batch;desc="%d", compute;dur=%.2f' % (
        max(queue, 0) * 1e3,
        report.rows,
        report.execute * 1e3,
    )
