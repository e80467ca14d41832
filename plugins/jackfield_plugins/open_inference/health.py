"""Liveness and readiness of the server and of a model."""

from __future__ import annotations

from typing import Any

from jackfield import Server
from jackfield.errors import Unavailable
from jackfield_plugins.open_inference.paths import Target
from jackfield_plugins.open_inference.versions import why_not_ready

Answer = tuple[int, Any]


def live(server: Server, target: Target) -> Answer:
    """It answers, so it lives."""
    return 200, {"live": True}


def ready(server: Server, target: Target) -> Answer:
    """Every model is ready."""
    if server.ready:
        return 200, {"ready": True}
    waiting = [name for name, model in server.models.items() if model.wanted and not model.ready]
    names = ", ".join(f"'{name}'" for name in waiting[:10]) + (", ..." if len(waiting) > 10 else "")
    reason = f"not ready: {names or 'a model'}" if server.started else _down(server)
    return server.config.server.not_ready_status, {"ready": False, "error": reason}


def _down(server: Server) -> str:
    return "the server is stopping" if server.stopping else "the server is not running"


def model_ready(server: Server, target: Target) -> Answer:
    """The version is loaded, warmed up, and its workers live."""
    model = server.model(target.model)
    try:
        reason = why_not_ready(model.version(target.version))
    except Unavailable as absence:  # it sleeps, or could not be loaded
        reason = str(absence)
    if server.started and reason is None:
        return 200, {"name": target.model, "ready": True}
    error = reason or _down(server)
    return server.config.server.not_ready_status, {"name": target.model, "ready": False, "error": error}
