"""What came back for one completion that was streamed: raw while the load runs, taken apart when it is over."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any


@dataclass(slots=True)
class Received:
    """Bytes as they came. `number`: of the prompt; moments in seconds of the performance counter."""

    number: int
    sent: float
    pieces: list[bytes] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    ended: bool = False
    """Whether the last event was seen; not, if the connection was lost or the load was cut off."""


@dataclass(frozen=True, slots=True)
class Stream:
    """`moments`: when each piece of text came; `prompt`, `tokens`: tokens in and out, as the server counts them."""

    number: int
    sent: float
    moments: list[float]
    text: str
    prompt: int
    tokens: int
    problem: str | None

    @property
    def first(self) -> float:
        """Seconds to the first text."""
        return self.moments[0] - self.sent

    @property
    def gaps(self) -> list[float]:
        """Seconds between one piece of text and the next."""
        return [after - before for before, after in zip(self.moments, self.moments[1:], strict=False)]


def stream(received: Received) -> Stream:
    """Take `received` apart. `problem` says what is wrong with it, an end that did not come excepted."""
    moments: list[float] = []
    text, usage, problem = "", {"prompt_tokens": 0, "completion_tokens": 0}, None
    head, _, body = b"".join(received.pieces).partition(b"\r\n\r\n")
    if head and b" 200 " not in head.split(b"\r\n", 1)[0]:
        problem = f"{head.split(bytes((13,)), 1)[0].decode()}: {body[:300].decode(errors='replace')}"
    ends = list(accumulate(len(piece) for piece in received.pieces))
    for event, at in _events(body, b"transfer-encoding: chunked" in head.lower()):
        if "error" in event:
            problem = str(event["error"])
        usage = event.get("usage") or usage
        part = "".join(choice.get("text") or "" for choice in event.get("choices", ()))
        if part:
            text += part
            moments.append(received.moments[bisect_left(ends, len(head) + 4 + at)])
    if received.ended and not moments:
        problem = problem or "no text came"
    return Stream(
        received.number, received.sent, moments, text, usage["prompt_tokens"], usage["completion_tokens"], problem
    )


def _events(body: bytes, chunked: bool) -> Iterator[tuple[dict[str, Any], int]]:
    """Events of a stream, and how many bytes of `body` had come when each was whole."""
    rest = b""
    for part, at in _chunks(body) if chunked else _lines(body):
        rest += part
        *lines, rest = rest.split(b"\n")
        for line in lines:
            content = line.removeprefix(b"data:").strip()
            if line.startswith(b"data:") and content != b"[DONE]":
                yield json.loads(content), at


def _chunks(body: bytes) -> Iterator[tuple[bytes, int]]:
    """Chunks of HTTP's chunked coding, as far as they are whole, and where each ends."""
    at = 0
    while (line := body.find(b"\r\n", at)) > 0:
        size = int(body[at:line].split(b";")[0], 16)
        at = line + 2 + size + 2
        if not size or at > len(body):
            return
        yield body[line + 2 : at - 2], at


def _lines(body: bytes) -> Iterator[tuple[bytes, int]]:
    at = 0
    for line in body.splitlines(keepends=True):
        at += len(line)
        yield line, at
