"""The index of the models that the server was configured with."""

from __future__ import annotations

from typing import Any

import msgspec

from jackfield import Server, Version
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.texts import shown
from jackfield_plugins.open_inference.versions import why_not_ready


class IndexMessage(msgspec.Struct):
    """What is asked for."""

    ready: bool = False
    """Only the versions that are ready."""


def index(server: Server, body: bytes) -> tuple[int, Any]:
    """A row for each version, be it loaded or not. Raises InvalidRequest if `body`, which may be empty, is not what it
    should be."""
    try:
        asked = msgspec.json.decode(body, type=IndexMessage) if body else IndexMessage()
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the request is not valid: {shown(str(error), 160)}") from None
    rows = [_row(server, *listed) for listed in server.listed()]
    return 200, [row for row in rows if row["state"] == "READY" or not asked.ready]


def _row(server: Server, model: str, name: str, version: Version | None, reason: str) -> dict[str, str]:
    """One that is ready has a reason, too, if another was to take its name and failed: why that is not there."""
    state = "UNAVAILABLE"
    if version is not None:
        why = why_not_ready(version)
        state = "READY" if why is None else "LOADING" if version.state in ("loading", "warming") else "UNAVAILABLE"
        failed = server.models[model].failed.get(name)
        reason = why or (failed.unready if failed is not None else "")
    return {"name": model, "version": name, "state": state, "reason": reason}
