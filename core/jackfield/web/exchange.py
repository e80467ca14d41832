"""Exchanging a request for its response, while its client is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jackfield.interfaces.endpoint import Receive
from jackfield.web.body import ClientGone
from jackfield.work import Request, Response, State, Work

if TYPE_CHECKING:
    from jackfield.server import Server


async def exchange(server: Server, request: Request, receive: Receive) -> tuple[Work, Response]:
    """Submit `request`, whose body was read whole, and wait for its response.

    Raises what `Server.submit` raises, Expired, ExecutionFailed or Unavailable for what became of it, and ClientGone if
    the client disconnects meanwhile; then the work is cancelled within a second.
    """
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
