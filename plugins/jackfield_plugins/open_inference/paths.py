"""Which route a path is."""

from __future__ import annotations

from enum import StrEnum, auto
from typing import NamedTuple

_MOST_KEPT = 1024


class Route(StrEnum):
    """The routes of the protocol, and of the extensions that are spoken here."""

    SERVER = auto()
    LIVE = auto()
    READY = auto()
    MODEL = auto()
    MODEL_READY = auto()
    CONFIG = auto()
    STATS = auto()
    ALL_STATS = auto()
    INFER = auto()
    GENERATE = auto()
    GENERATE_STREAM = auto()
    INDEX = auto()
    LOAD = auto()
    UNLOAD = auto()


class Target(NamedTuple):
    """A route, and the model and version that it is about; an empty version is the default one."""

    route: Route
    model: str = ""
    version: str = ""


_FIXED = {
    "/v2": Target(Route.SERVER),
    "/v2/health/live": Target(Route.LIVE),
    "/v2/health/ready": Target(Route.READY),
    "/v2/models/stats": Target(Route.ALL_STATS),
    "/v2/repository/index": Target(Route.INDEX),
}
HEALTH = frozenset(path for path, target in _FIXED.items() if target.route in (Route.LIVE, Route.READY))
"""The paths that tell no more than whether the server is alive or ready."""
_OF_MODEL = {
    (): Route.MODEL,
    ("ready",): Route.MODEL_READY,
    ("config",): Route.CONFIG,
    ("stats",): Route.STATS,
    ("infer",): Route.INFER,
    ("generate",): Route.GENERATE,
    ("generate_stream",): Route.GENERATE_STREAM,
}
_OF_REPOSITORY = {"load": Route.LOAD, "unload": Route.UNLOAD}


class Paths:
    """Finds targets, and keeps those that it found lately."""

    def __init__(self) -> None:
        self._known = dict(_FIXED)

    def find(self, path: str) -> Target | None:
        """The target of `path`, None if it is no route."""
        target = self._known.get(path)
        if target is None:
            target = _parsed(path)
            if target is not None:
                if len(self._known) >= _MOST_KEPT:
                    self._known = dict(_FIXED)
                self._known[path] = target
        return target


def _parsed(path: str) -> Target | None:
    parts = path.split("/", 8)
    if len(parts) < 4 or len(path) > 1024:
        return None
    if parts[1:4] == ["v2", "repository", "models"] and len(parts) == 6 and parts[4]:
        found = _OF_REPOSITORY.get(parts[5])
        return None if found is None else Target(found, parts[4])
    if parts[1:3] != ["v2", "models"]:
        return None
    model, *rest = parts[3:]
    version = ""
    if len(rest) >= 2 and rest[0] == "versions":
        version, rest = rest[1], rest[2:]
        if not version:
            return None
    route = _OF_MODEL.get(tuple(rest))
    return Target(route, model, version) if route is not None and model else None
