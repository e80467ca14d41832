"""What can be changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, TypeVar

import msgspec

from jackfield import Server
from jackfield.errors import InvalidRequest, Unsupported
from jackfield_plugins.admin.listing import described

T = TypeVar("T")
Section = dict[str, Any]


class LoadBody(msgspec.Struct, forbid_unknown_fields=True):
    """See `Server.load`. `config`: the model's section; None: the one that it had last."""

    config: Section | None = None
    keep: list[str] = []
    main: bool = True


class UnloadBody(msgspec.Struct, forbid_unknown_fields=True):
    """`version`: empty for all of the model."""

    version: str = ""


class ReconfigureBody(msgspec.Struct, forbid_unknown_fields=True):
    """See `Server.reconfigure`."""

    changes: Section
    version: str = ""


class Actions:
    """Each returns when it is done. Used on the event loop."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def load(self, name: str, body: bytes) -> Section:
        """Load a model or a version of it. Raises as `Server.load`."""
        asked = _decoded(body, LoadBody)
        await self._server.load(name, asked.config, keep=asked.keep, main=asked.main)
        return described(self._server, name)

    async def unload(self, name: str, body: bytes) -> Section:
        """Let a model or a version go. Raises as `Server.unload`."""
        await self._server.unload(name, _decoded(body, UnloadBody).version)
        return described(self._server, name)

    async def reconfigure(self, name: str, body: bytes) -> Section:
        """Change what can be changed while the model runs. Raises as `Server.reconfigure`."""
        asked = _decoded(body, ReconfigureBody)
        await self._server.reconfigure(name, asked.changes, asked.version)
        return described(self._server, name)

    async def reload(self) -> Section:
        """Read the configuration again. Raises as `Server.reread`."""
        return asdict(await self._server.reread())

    def drain(self) -> Section:
        """Have the server answer what it has accepted, and end, as SIGTERM does. Raises Unsupported where somebody else
        ends it."""
        if self._server.drain is None:
            raise Unsupported("the server is a part of another app, which ends it")
        self._server.drain()
        return {"draining": True}


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (ValueError, RecursionError) as error:
        text = str(error)[:160].encode("unicode_escape", "replace").decode("ascii")
        raise InvalidRequest(f"the request is not valid: {text}") from None
