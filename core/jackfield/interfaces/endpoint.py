"""Endpoint: speaks one wire protocol. It decodes bytes into a Request and encodes the response."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from jackfield.interfaces.plug import Plug
from jackfield.options import Options

if TYPE_CHECKING:
    from jackfield.errors import JackfieldError
    from jackfield.server import Server

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

Answer = Callable[[int, Sequence[tuple[bytes, bytes]], bytes], None]
"""Sends status, headers (without Content-Length) and body. Called once, on the event loop; later calls do nothing."""
Withdraw = Callable[[], None]
"""Called on the event loop if the client goes before it has its answer."""
Shortcut = Callable[[bytes, Answer], Withdraw | None]
"""Takes in a request that has arrived whole: its body, and what answers it, now or later. Called on the event loop; it
must not raise. None: it is not taken, and goes to the app as any other."""
FindShortcut = Callable[[str, str, Mapping[bytes, bytes]], Shortcut | None]
"""The shortcut for requests with this method, path and headers (names in lower case), if there is one. Called once for
all requests whose head is the same; it must not raise."""

Refusal = Callable[[Mapping[bytes, bytes], "JackfieldError"], tuple[int, Sequence[tuple[bytes, bytes]], bytes]]
"""Status, headers (without Content-Length) and body for a request with these headers that is refused before the app is
asked: with Unauthenticated, Forbidden or QuotaExceeded. Called on the event loop; it must not raise."""


@dataclass(frozen=True, slots=True)
class Route:
    """All paths that begin with `prefix` (`/v2`, `/metrics`) go to `app`, a plain ASGI app that sees
    `scope["path"]` relative to where Jackfield is mounted. No two endpoints may claim one prefix.

    `shortcut` may be given to save small requests the cost of ASGI, where the server is Jackfield's own. The answers
    must be those that `app` would give.

    Where there are keys, nothing here is asked without one, and models that it may not use are not there for whoever
    asks the server about them meanwhile. `right`: what the key must have been given beside that; paths with the right
    `admin` or `metrics` are about all models, whichever the key may use, have no shortcut then, and those with `admin`
    are never served without a key. `health`: paths that tell no more than whether the server is alive or ready, which a
    configuration may leave open. `refusal`: how the protocol says no; by default `{"error": ...}`.
    """

    prefix: str
    app: ASGIApp
    shortcut: FindShortcut | None = None
    right: str = ""
    health: frozenset[str] = frozenset()
    refusal: Refusal | None = None


class Endpoint(Plug, ABC):
    """Made once, when the app is built. Knows nothing of batching: it calls `server.submit` or `server.infer` and
    turns `jackfield.errors` into its protocol's own statuses. Its handlers run on the event loop and never compute:
    long decoding goes to a thread.

    `fronts`: whether each front process (`server.workers`) may have one of its own, so that requests are decoded and
    answers encoded there. It must keep nothing from one request to another that a client could tell. `server` then has
    `models` (with `main`), `model`, `submit`, `stream`, `cancel`, `infer`, `clients`, `config` and `clock`, and its
    versions `model`, `name`, `signature`, `about`, `max_rows`, `config`, `check_room`, `submit`, `stream`, `cancel` and
    `refused`; whatever else is asked of them sends the whole request to where the models are, and must come before
    anything was sent or submitted. Otherwise all its requests are answered there.
    """

    fronts: ClassVar[bool] = False

    def __init__(self, options: Options, server: Server) -> None:
        self.settings = options
        self.server = server

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """The routes that this endpoint answers. Called once."""
