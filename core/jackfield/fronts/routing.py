"""Which requests a front answers itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jackfield.asgi import App
from jackfield.fronts.elsewhere import Elsewhere
from jackfield.fronts.relaying import Kept, Relaying
from jackfield.fronts.standin import FrontServer
from jackfield.interfaces.endpoint import Answer, Message, Receive, Scope, Send, Shortcut, Withdraw


class FrontApp:
    """An ASGI app, with a shortcut: `app` has the endpoints that run here, and what they cannot answer is relayed, as
    are all paths below the prefixes `elsewhere`, and those that nobody claims here."""

    def __init__(self, app: App, server: FrontServer, elsewhere: Collection[str], relaying: Relaying) -> None:
        self._app = app
        self._server = server
        self._elsewhere = elsewhere
        self._relaying = relaying

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not self._here(scope["path"]):
            await self._relaying(scope, receive, send)
            return
        kept = Kept(receive)
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, kept, sending)
        except Elsewhere as missing:
            if begun:
                raise RuntimeError(f"an endpoint asked for '{missing}' after it had begun to answer") from None
            await self._relaying(scope, kept.again, send)

    def shortcut(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Shortcut | None:
        """As `App.shortcut`."""
        if not self._here(path):
            return None
        found = self._app.shortcut(method, path, headers)
        if found is None:
            return None

        def guarded(body: bytes, answer: Answer) -> Withdraw | None:
            try:
                return None if self._server.closed else found(body, answer)
            except Elsewhere:
                return None  # it takes the long way, and is relayed

        return guarded

    def _here(self, path: str) -> bool:
        """Whether the endpoint that has the longest prefix of `path` runs here."""
        own = self._app.prefix_of(path)
        if own is None or self._server.closed:
            return False
        return not any(len(one) > len(own) and (path == one or path.startswith(one + "/")) for one in self._elsewhere)
