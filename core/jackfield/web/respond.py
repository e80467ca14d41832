"""Sending a response in one go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from jackfield.interfaces.endpoint import Send

Headers = Sequence[tuple[bytes, bytes]]
_JSON = (b"content-type", b"application/json")


async def send_bytes(send: Send, status: int, body: bytes, headers: Headers = ()) -> None:
    """Send `body` with its length and `headers`."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def send_json(send: Send, status: int, content: Any, headers: Headers = ()) -> None:
    """Send `content` as JSON; NumPy scalars and arrays are fine."""
    await send_bytes(send, status, orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), [_JSON, *headers])
