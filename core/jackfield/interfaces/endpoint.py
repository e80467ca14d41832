"""Endpoint: speaks one wire protocol. It decodes bytes into a Request and encodes the response."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jackfield.interfaces.plug import Plug
from jackfield.options import Options

if TYPE_CHECKING:
    from jackfield.server import Server

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Route:
    """All paths that begin with `prefix` (`/v2`, `/metrics`) go to `app`, a plain ASGI app that sees
    `scope["path"]` relative to where Jackfield is mounted. No two endpoints may claim one prefix."""

    prefix: str
    app: ASGIApp


class Endpoint(Plug, ABC):
    """Made once, when the app is built. Knows nothing of batching: it calls `server.submit` or `server.infer` and
    turns `jackfield.errors` into its protocol's own statuses. Its handlers run on the event loop and never compute:
    long decoding goes to a thread."""

    def __init__(self, options: Options, server: Server) -> None:
        self.settings = options
        self.server = server

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """The routes that this endpoint answers. Called once."""
