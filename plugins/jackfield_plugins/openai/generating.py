"""From requests to answers: all of them whole, or piece by piece as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol

from jackfield import Request, Response, Server, Stream
from jackfield.web import exchange, streaming
from jackfield_plugins.openai.call import Call


class Chunks(Protocol):
    """Makes events of responses."""

    def of(self, number: int, responses: Sequence[Response]) -> bytes:
        """The events that tell of `responses` to request `number`; none: b""."""
        ...

    def end(self) -> bytes:
        """The last events."""
        ...


async def whole(server: Server, requests: Sequence[Request], call: Call) -> list[Response]:
    """The responses to `requests`, in order. Raises as `exchange` for the first that fails; the others are withdrawn
    then."""
    if len(requests) == 1:
        return [(await exchange(server, requests[0], call.receive))[1]]
    tasks = [asyncio.ensure_future(exchange(server, request, call.receive)) for request in requests]
    try:
        return [response for _, response in await asyncio.gather(*tasks)]
    finally:
        await _ended(tasks)


async def streamed(server: Server, requests: Sequence[Request], call: Call, chunks: Chunks) -> None:
    """Send the events of all `requests` as they come, those of different requests among each other.

    All are accepted or none. Raises as `streaming`, also in the middle."""
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(streaming(server, request, call.receive)) for request in requests]
        if len(streams) == 1:
            await _relay(0, streams[0], call, chunks)
        else:
            tasks = [
                asyncio.ensure_future(_relay(number, stream, call, chunks)) for number, stream in enumerate(streams)
            ]
            try:
                await asyncio.gather(*tasks)
            finally:
                await _ended(tasks)
    await call.events.end(chunks.end())


async def _relay(number: int, stream: Stream, call: Call, chunks: Chunks) -> None:
    events = call.events
    async for response in stream:
        data = chunks.of(number, [response, *stream.ready()])
        if data:
            await events.write(data)


async def _ended(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
