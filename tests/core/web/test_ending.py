"""What is left of a connection when it is over: nothing. The rest is tested over sockets, in tests/e2e."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from jackfield.web.protocol import BoundedProtocol
from tests.core.lifecycle.fakes import in_loop


async def _app(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("nothing that is refused while it is parsed gets here")


@in_loop
async def test_who_was_allowed_to_linger_and_is_gone_is_forgotten() -> None:
    config = uvicorn.Config(_app, http=BoundedProtocol, lifespan="off", log_config=None)
    config.load()
    transports: list[weakref.ref[asyncio.Transport]] = []
    lost = asyncio.Event()

    class Watched(BoundedProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            transports.append(weakref.ref(transport))
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Watched(config, ServerState(), {}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000)  # and more headers are to come: the server lingers
        assert (await reader.read()).startswith(b"HTTP/1.1 431")
        writer.close()
        await asyncio.wait_for(lost.wait(), 30)
        await asyncio.sleep(0)
        gc.collect()
        assert transports[0]() is None
