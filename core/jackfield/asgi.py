"""The app: one plain ASGI callable, to run alone or to be mounted in another app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog

from jackfield.clock import Clock
from jackfield.errors import PluginError
from jackfield.interfaces.endpoint import Endpoint, Receive, Route, Scope, Send, Shortcut
from jackfield.plugins.registry import Registry
from jackfield.server import Server, Source
from jackfield.web.respond import send_json

log = structlog.get_logger("jackfield.asgi")


class App:
    """Serves the endpoints of `server`. `wait`: start-up lasts until every model is ready, and fails if one fails;
    otherwise models load while the app answers already, as not ready."""

    def __init__(self, server: Server, *, wait: bool = True) -> None:
        self.server = server
        self._wait = wait
        self._routes: dict[str, Route] = {}
        self._longest = 1
        owner: dict[str, str] = {}
        for name, options in server.config.endpoints.items():
            endpoint: Endpoint = server.registry.get("endpoint", name)(options, server)
            for route in endpoint.routes():
                prefix = "/" + route.prefix.strip("/")
                if prefix in self._routes:
                    raise PluginError(f"endpoints '{owner[prefix]}' and '{name}' both claim the path '{prefix}'")
                self._routes[prefix], owner[prefix] = route, name
                self._longest = max(self._longest, prefix.count("/"))

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
        kind = scope["type"]
        if kind == "http":
            path = scope["path"]
            root = scope.get("root_path", "")
            if root and path.startswith(root):
                path = path[len(root) :]
                scope = {**scope, "path": path}
            route = self._find(path)
            if route is not None:
                await route.app(scope, receive, send)
            else:
                await send_json(send, 404, {"error": "there is nothing at this path"})
        elif kind == "lifespan":
            await self._run_lifespan(receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    def shortcut(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Shortcut | None:
        """What takes in requests with this head without ASGI; None if only the app does."""
        route = self._find(path)
        return None if route is None or route.shortcut is None else route.shortcut(method, path, headers)

    def _find(self, path: str) -> Route | None:
        if self._longest == 1:
            end = path.find("/", 1)
            return self._routes.get(path if end < 0 else path[:end])
        parts = path.split("/", self._longest + 1)
        for count in range(min(self._longest, len(parts) - 1), 0, -1):
            route = self._routes.get("/".join(parts[: count + 1]))
            if route is not None:
                return route
        return None

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
