"""The app: one plain ASGI callable, to run alone or to be mounted in another app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog

from jackfield.clock import Clock
from jackfield.errors import ConfigError, Forbidden, JackfieldError, QuotaExceeded, Unauthenticated
from jackfield.interfaces.endpoint import Endpoint, Receive, Scope, Send
from jackfield.keys.entries import ADMIN
from jackfield.plugins.registry import Registry
from jackfield.server import Server, Source
from jackfield.web.guard import Guard
from jackfield.web.site import Site

log = structlog.get_logger("jackfield.asgi")

_REASONS: Mapping[type[JackfieldError], str] = {
    Unauthenticated: "unauthenticated",
    Forbidden: "forbidden",
    QuotaExceeded: "quota",
}


class App:
    """Serves the endpoints of `server`. `wait`: start-up lasts until every model is ready, and fails if one fails;
    otherwise models load while the app answers already, as not ready.

    `admin` serves what changes the server, if the configuration gives that an address of its own; it is not served here
    then."""

    def __init__(self, server: Server, *, wait: bool = True) -> None:
        self.server = server
        self._wait = wait
        guard = Guard(server.keys, self._turned_away)
        self._site, self.admin = Site(guard), Site(guard)
        apart = server.config.server.admin is not None
        self.fronted: list[str] = []
        """The endpoints that may run in front processes."""
        for name, options in server.config.endpoints.items():
            endpoint: Endpoint = server.registry.get("endpoint", name)(options, server)
            if endpoint.fronts:
                self.fronted.append(name)
            for route in endpoint.routes():
                (self.admin if apart and route.right == ADMIN else self._site).add(route, name)
        if apart and not self.admin:
            raise ConfigError("server.admin: nothing would be served there, since 'endpoints' does not name 'admin'")
        self.shortcut = self._site.shortcut
        self.prefixes = self._site.prefixes
        self.prefix_of = self._site.prefix_of

    @asynccontextmanager
    async def lifespan(self, app: Any = None) -> AsyncIterator[None]:
        """Start and stop the server. Give it to the host: `FastAPI(lifespan=jackfield_app.lifespan)`, or enter it in
        the host's own lifespan."""
        await self.server.start()
        try:
            if self._wait:
                await self.server.loaded()
            yield
        finally:
            await self.server.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        else:
            await self._site(scope, receive, send)

    def _turned_away(self, error: JackfieldError) -> None:
        self.server.observers.refused("", _REASONS.get(type(error), "forbidden"))

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self.lifespan():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            log.error("start failed", reason=str(error))
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})


def create_app(
    config: Source, *, registry: Registry | None = None, clock: Clock | None = None, wait: bool = True
) -> App:
    """The mountable app for `config` (see `Server`). Raises ConfigError or PluginError at once if it is wrong."""
    return App(Server(config, registry=registry, clock=clock), wait=wait)
