"""A second address, for what changes the server."""

from __future__ import annotations

import asyncio
import socket

import uvicorn

from jackfield.asgi import App
from jackfield.web.protocol import BoundedProtocol


async def apart(app: App, runner: uvicorn.Server, listener: socket.socket) -> None:
    """Serve `app.admin` on `listener` within `runner`, which runs and which ends it with the rest."""
    protocol: type[BoundedProtocol] = type("Protocol", (BoundedProtocol,), {"limits": app.server.config.server.limits})
    config = uvicorn.Config(
        app.admin,
        interface="asgi3",
        http=protocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
    )
    config.load()

    def connected() -> asyncio.Protocol:
        return protocol(config=config, server_state=runner.server_state, app_state=runner.lifespan.state)

    server = await asyncio.get_running_loop().create_server(connected, sock=listener, ssl=runner.config.ssl)
    runner.servers.append(server)
