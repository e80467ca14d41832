"""From requests to answers: all of them whole, or piece by piece as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, ParamSpec, Protocol

from jackfield import Request, Response, Server, Stream
from jackfield.web import exchange, streaming
from jackfield_plugins.openai.call import Call
from jackfield_plugins.openai.logprobs import LARGE, told_in

P = ParamSpec("P")
_MANY = 16  # responses that are told of on the event loop


class Chunks(Protocol):
    """Makes events of responses. Those of one request are given one after the other, not always on one thread."""

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


async def encoded(
    encode: Callable[P, bytes], responses: Sequence[Response], *args: P.args, **kwargs: P.kwargs
) -> bytes:
    """What `encode` makes of an answer that tells of `responses`, on another thread if that is much."""
    if told_in(responses) > LARGE or len(responses) > _MANY:
        return await asyncio.to_thread(encode, *args, **kwargs)
    return encode(*args, **kwargs)


async def streamed(server: Server, requests: Sequence[Request], call: Call, chunks: Chunks) -> None:
    """Send the events of all `requests` as they come, those of different requests among each other.

    All are accepted or none. Raises as `streaming`, also in the middle."""
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(streaming(server, request, call.receive)) for request in requests]
        if len(streams) == 1:
            await relay(0, streams[0], call, chunks)
        else:
            tasks = [
                asyncio.ensure_future(relay(number, stream, call, chunks)) for number, stream in enumerate(streams)
            ]
            try:
                await asyncio.gather(*tasks)
            finally:
                await _ended(tasks)
    await call.events.end(chunks.end())


async def relay(number: int, stream: Stream, call: Call, chunks: Chunks) -> None:
    """Send the events of one stream as they come, all that are ready in one go."""
    events = call.events
    async for response in stream:
        responses = [response, *stream.ready()]
        if told_in(responses) > LARGE:
            data = await asyncio.to_thread(chunks.of, number, responses)
        else:
            data = chunks.of(number, responses)
        if data:
            await events.write(data)


async def _ended(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
