"""The routes that are served at one address, behind the guard."""

from __future__ import annotations

from collections.abc import Mapping

from jackfield.errors import PluginError
from jackfield.interfaces.endpoint import Receive, Route, Scope, Send, Shortcut
from jackfield.web.guard import Guard
from jackfield.web.respond import send_json


class Site:
    """ASGI 3, for `http` and `websocket`. Used on the event loop."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._routes: dict[str, Route] = {}
        self._owners: dict[str, str] = {}
        self._longest = 1

    def __len__(self) -> int:
        return len(self._routes)

    def add(self, route: Route, endpoint: str) -> None:
        """Serve `route` of `endpoint`; raises PluginError if another has its prefix."""
        prefix = "/" + route.prefix.strip("/")
        if prefix in self._routes:
            raise PluginError(f"endpoints '{self._owners[prefix]}' and '{endpoint}' both claim the path '{prefix}'")
        self._routes[prefix], self._owners[prefix] = route, endpoint
        self._longest = max(self._longest, prefix.count("/"))

    @property
    def prefixes(self) -> Mapping[str, str]:
        """Of all routes, each with the name of its endpoint."""
        return self._owners

    def prefix_of(self, path: str) -> str | None:
        """The prefix of the route that has `path`; None if there is none."""
        route = self._find(path)
        return None if route is None else "/" + route.prefix.strip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; there are no websockets."""
        if scope["type"] == "http":
            path = scope["path"]
            root = scope.get("root_path", "")
            if root and path.startswith(root):
                path = path[len(root) :]
                scope = {**scope, "path": path}
            route = self._find(path)
            await self._guard(route, scope, receive, send, _nothing if route is None else route.app)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    def shortcut(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Shortcut | None:
        """What takes in requests with this head without ASGI; None if only the app does."""
        route = self._find(path)
        if route is None or route.shortcut is None:
            return None
        found = route.shortcut(method, path, headers)
        return None if found is None else self._guard.shortcut(found, route, headers)

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


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await send_json(send, 404, {"error": "there is nothing at this path"})
