"""Calling an ASGI app as a host would, without sockets: clients that behave, and clients that do not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jackfield.interfaces.endpoint import ASGIApp, Message


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app answered; status 0 if it sent nothing. `headers` by lower-case name. `received`: how many parts of
    the body it read, what came after them included."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    received: int = 0


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    chunks: Sequence[bytes] | None = None,
    gone: bool = False,
    patience: float = 10.0,
) -> Answer:
    """One request, and what was answered.

    `chunks` is a body in parts, instead of `body`. `gone`: the client disconnects in the middle of it. Raises
    AssertionError if the app breaks ASGI, and TimeoutError if it has not answered after `patience` real seconds; lets
    pass what the app raises.
    """
    parts = list(chunks) if chunks is not None else [body]
    if gone:
        parts = [part[: len(part) // 2] for part in parts]
    sent: list[Message] = []
    received = 0

    async def receive() -> Message:
        nonlocal received
        received += 1
        if parts:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts) or gone}
        if not gone:  # a client that waits for its answer
            await asyncio.sleep(2 * patience)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "replace"),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }
    async with asyncio.timeout(patience):
        await app(scope, receive, send)
    return _answer(sent, received, head=method == "HEAD")


def _answer(sent: Sequence[Message], received: int, *, head: bool) -> Answer:
    if not sent:
        return Answer(0, {}, b"", received)
    start, *rest = sent
    assert start["type"] == "http.response.start", f"the answer begins with {start['type']}"
    status, given = start["status"], list(start.get("headers", ()))
    assert status in range(200, 600), f"the status is {status!r}"
    for name, value in given:
        assert {type(name), type(value)} == {bytes}, f"header {name!r} is not a pair of bytes"
        assert name == name.lower(), f"the name of header {name!r} is not in lower case"
        assert not set(value) & set(b"\r\n"), f"header {name!r} has a line break in it"
    assert rest, "the answer has no body, not even an empty one"
    assert all(message["type"] == "http.response.body" for message in rest), "the answer is not start and body"
    more = [bool(message.get("more_body", False)) for message in rest]
    assert more == [True] * (len(rest) - 1) + [False], "the answer does not end with its last part"
    body = b"".join(message.get("body", b"") for message in rest)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in given}
    if head:
        body = b""  # a host does not send it
    elif "content-length" in headers:
        length = headers["content-length"]
        assert length == str(len(body)), f"the answer says that it has {length} bytes, and has {len(body)}"
    return Answer(status, headers, body, received)
