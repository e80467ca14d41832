"""Exchanging a request for its response, or for a stream of them, while its client is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from jackfield.errors import Cancelled
from jackfield.interfaces.endpoint import Receive
from jackfield.stream import Stream
from jackfield.web.body import ClientGone
from jackfield.work import Request, Response, State, Work

if TYPE_CHECKING:
    from jackfield.server import Server


async def exchange(server: Server, request: Request, receive: Receive) -> tuple[Work, Response]:
    """Submit `request`, whose body was read whole, and wait for its response.

    Raises what `Server.submit` raises, Expired, ExecutionFailed or Unavailable for what became of it, and ClientGone if
    the client disconnects meanwhile; then the work is cancelled within a second.
    """
    while request.model in server.sleeping:  # it may have been evicted again
        await awaited(server, request, receive)
    work = server.submit(request)
    clients = server.clients
    clients.watch(work, receive)
    try:
        response: Response = await work.future
        return work, response
    except asyncio.CancelledError:
        if work.final is State.CANCELLED:
            raise ClientGone("the client disconnected") from None
        server.cancel(work)
        raise
    finally:
        clients.forget(work)


async def awaited(server: Server, request: Request, receive: Receive) -> None:
    """Wait until the model of `request`, whose body was read whole, is awake, as long as its client is there. Raises as
    `Server.awake`, and ClientGone."""
    waking = asyncio.ensure_future(server.await_model(request))
    leaving = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((waking, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not waking.done():
            raise ClientGone("the client disconnected")
        waking.result()
    finally:
        waking.cancel()
        leaving.cancel()
        await asyncio.gather(waking, leaving, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@asynccontextmanager
async def streaming(server: Server, request: Request, receive: Receive) -> AsyncIterator[Stream]:
    """Submit `request`, whose body was read whole, and give the stream of its responses.

    Raises as `exchange`, in the block whatever became of the request. A client that disconnects, or that reads so
    slowly that responses pile up, raises ClientGone; the request is cancelled then, and whenever the block is left.
    """
    while request.model in server.sleeping:
        await awaited(server, request, receive)
    stream = server.stream(request)
    assert stream.work is not None
    clients = server.clients
    clients.watch(stream.work, receive)
    try:
        async with stream:
            if stream.accepted is not None:
                await stream.accepted
            yield stream
    except Cancelled as gone:
        raise ClientGone(str(gone)) from None
    finally:
        clients.forget(stream.work)
