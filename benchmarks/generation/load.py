"""A load of streamed completions, over raw sockets. While it runs nothing is done but noting when bytes came, since the
servers have the same cores."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from benchmarks.generation.stream import Received, Stream, stream
from benchmarks.load import post

_DONE = b"[DONE]"


@dataclass(frozen=True, slots=True)
class Load:
    """`streams` in the order in which they were sent; from `began` to `left` every connection had a request."""

    connections: int
    streams: list[Stream]
    began: float
    left: float


def completion(model: str, prompt: str, tokens: int) -> bytes:
    """The bytes of a request for `tokens` tokens, the likeliest each time, whatever would end the answer before."""
    body = {
        "model": model,
        "prompt": prompt,
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    headers = [("Content-Type", "application/json"), ("Connection", "close")]
    return post("/v1/completions", json.dumps(body).encode(), headers)


class _Connection(asyncio.Protocol):
    """One request. `over` is done when its last event came, or the connection was lost."""

    def __init__(self, received: Received, request: bytes) -> None:
        self._received, self._request = received, request
        self._tail = b""
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # which uvloop's are in all but name
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received.moments.append(time.perf_counter())
        self._received.pieces.append(data)
        self._tail = (self._tail + data)[-64:]
        if _DONE in self._tail:
            self._received.ended = True
            self._transport.close()
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish()

    def _finish(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


async def ask(port: int, number: int, request: bytes, heard: list[Received]) -> Received:
    """Send `request` over a connection of its own; what comes is in `heard` while it comes."""
    received = Received(number, time.perf_counter())
    heard.append(received)
    try:
        transport, protocol = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(received, request), "127.0.0.1", port
        )
    except OSError:
        return received
    try:
        await protocol.over
    finally:
        transport.close()
    return received


async def load(
    port: int,
    request: Callable[[int], bytes],
    numbers: Iterator[int],
    connections: int,
    seconds: float,
    cut: float | None = None,
) -> Load:
    """Keep `connections` busy with the requests of `numbers`, for `seconds` and until what has begun is over; with 0
    each asks once. `cut`: after so many seconds it is over, whatever has begun."""
    heard: list[Received] = []
    began = time.perf_counter()
    left = [began + cut] if cut else []

    async def client() -> None:
        while True:
            number = next(numbers)
            await ask(port, number, request(number), heard)
            now = time.perf_counter()
            if now - began >= seconds:
                left.append(now)
                return

    async with asyncio.TaskGroup() as group:
        clients = [group.create_task(client()) for _ in range(connections)]
        if cut:
            group.create_task(_cancel(clients, cut))
    return Load(connections, [stream(one) for one in heard], began, min(left))


async def _cancel(clients: list[asyncio.Task[None]], seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.wait(clients), seconds)
    for client in clients:
        client.cancel()
