"""The ASGI app below `/admin`: routes, methods, and errors as answers."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from jackfield import Server
from jackfield.errors import (
    Cancelled,
    ConfigError,
    InvalidRequest,
    JackfieldError,
    LoadError,
    NotFound,
    TooLarge,
    Unavailable,
    Unsupported,
)
from jackfield.web import BodyTimeout, Receive, Scope, Send, header, read_body, send_json
from jackfield_plugins.admin.actions import Actions
from jackfield_plugins.admin.listing import described, listed

log = structlog.get_logger("jackfield.admin")

_STATUSES: tuple[tuple[type[JackfieldError], int], ...] = (  # subclasses stand before their base
    (BodyTimeout, 408),
    (TooLarge, 413),
    (InvalidRequest, 400),
    (ConfigError, 400),
    (NotFound, 404),
    (LoadError, 422),
    (Unsupported, 501),
    (Unavailable, 503),
)
_READ: tuple[str, ...] = ("GET", "HEAD")
_CHANGE: tuple[str, ...] = ("POST",)


class AdminApp:
    """Runs on the event loop."""

    def __init__(self, server: Server) -> None:
        self._server = server
        actions = Actions(server)
        self._of_model: Mapping[str, Callable[[str, bytes], Awaitable[dict[str, Any]]]] = {
            "load": actions.load,
            "unload": actions.unload,
            "reconfigure": actions.reconfigure,
        }
        self._reload, self._drain = actions.reload, actions.drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3, for `http`."""
        headers: list[tuple[bytes, bytes]] = []
        try:
            status, content = await self._answer(scope, receive, headers)
        except Cancelled:  # the client has gone; what it began goes on
            return
        except JackfieldError as error:
            status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
            content = {"error": str(error).encode("utf-8", "replace").decode()}
            if isinstance(error, Unavailable):
                headers.append((b"retry-after", b"%d" % error.whole_seconds))
            if isinstance(error, (TooLarge, BodyTimeout)):
                headers.append((b"connection", b"close"))
        except Exception as error:
            identity = uuid.uuid4().hex
            log.error("request failed", request_id=identity, exc_info=error)
            status, content = 500, {"error": f"internal error: the server's log tells more, under {identity}"}
        await send_json(_bodiless(send) if scope["method"] == "HEAD" else send, status, content, headers)

    async def _answer(
        self, scope: Scope, receive: Receive, headers: list[tuple[bytes, bytes]]
    ) -> tuple[int, dict[str, Any]]:
        server, method, parts = self._server, scope["method"], scope["path"].split("/")[2:]
        match parts:
            case ["models"]:
                allowed = _READ
            case ["models", name] if name:
                allowed = _READ
            case ["models", name, action] if name and action in self._of_model:
                allowed = _CHANGE
            case ["reload" | "drain"]:
                allowed = _CHANGE
            case _:
                raise NotFound("there is nothing at this path")
        if method not in allowed:
            headers.append((b"allow", ", ".join(allowed).encode()))
            return 405, {"error": f"this path takes {' and '.join(allowed)} only"}
        if allowed is _READ:
            return 200, listed(server) if len(parts) == 1 else described(server, parts[1])
        if header(scope, b"content-encoding") is not None:
            raise InvalidRequest("the body must not be compressed")
        body = await read_body(scope, receive, server.config.server.limits)
        if parts == ["reload"]:
            return 200, await self._reload()
        if parts == ["drain"]:
            return 202, self._drain()
        return 200, await self._of_model[parts[2]](parts[1], body)


def _bodiless(send: Send) -> Send:
    async def without(message: Any) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return without
