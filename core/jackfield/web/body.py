"""Reading the body of a request, within the server's limits."""

from __future__ import annotations

import asyncio

from jackfield.config.models import LimitsConfig
from jackfield.errors import Cancelled, InvalidRequest, TooLarge
from jackfield.interfaces.endpoint import Receive, Scope


class ClientGone(Cancelled):
    """The client disconnected; nobody is left to answer."""


class BodyTimeout(InvalidRequest):
    """The body did not arrive in time: 408 where the protocol has it."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """The value of the first header called `name` (lower case), or None."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


async def read_body(scope: Scope, receive: Receive, limits: LimitsConfig) -> bytes:
    """The whole body.

    Raises TooLarge before reading if its declared length exceeds the limit, and while reading if it does all the
    same; InvalidRequest for a bad Content-Length; BodyTimeout; ClientGone.
    """
    declared = header(scope, b"content-length")
    if declared is not None:
        if not declared.isdigit() or len(declared) > 19:
            raise InvalidRequest(
                f"Content-Length must be a whole number of bytes, got '{declared[:40].decode('latin-1')}'"
            )
        if int(declared) > limits.max_body_bytes:
            raise _too_large(int(declared), limits)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone("the client disconnected")
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limits.max_body_bytes:
            raise _too_large(len(body), limits)
        return body
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            return await _read_rest(body, receive, limits)
    except TimeoutError:
        raise BodyTimeout(f"the body did not arrive within {limits.body_timeout_s:g} s") from None


async def _read_rest(body: bytes, receive: Receive, limits: LimitsConfig) -> bytes:
    parts = bytearray(body)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone("the client disconnected")
        parts += message.get("body", b"")
        if len(parts) > limits.max_body_bytes:
            raise _too_large(len(parts), limits)
        if not message.get("more_body", False):
            return bytes(parts)


def _too_large(size: int, limits: LimitsConfig) -> TooLarge:
    return TooLarge(f"the body has {size} bytes or more, at most {limits.max_body_bytes} are taken")
