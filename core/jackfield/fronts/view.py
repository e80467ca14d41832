"""What fronts are told of the models: those versions that take requests, and what endpoints know of them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from jackfield.config.models import ModelConfig
from jackfield.config.plain import plain
from jackfield.errors import Unavailable
from jackfield.fronts import messages as say
from jackfield.fronts.page import Page
from jackfield.interfaces.engine import Facts
from jackfield.lifecycle.model import Model
from jackfield.lifecycle.version import Version
from jackfield.server import Server
from jackfield.types import Capabilities, Signature

log = structlog.get_logger("jackfield.fronts")

_encoder = msgspec.msgpack.Encoder()


@dataclass(slots=True)
class _Shown:
    """A version as it was told of. As soon as one of the first four is another, it has to be told of anew."""

    signature: Signature
    about: Any
    config: ModelConfig
    max_rows: int
    key: int
    portrait: int | None
    view: say.VersionView | None = None


class Views:
    """Used on the event loop. `tell` gets each message that all fronts must get, in order."""

    def __init__(self, server: Server, page: Page, tell: Callable[[bytes], None]) -> None:
        self._server = server
        self._page = page
        self._tell = tell
        self._shown: dict[Version, _Shown] = {}
        self._portraits: dict[int, bytes] = {}
        self._painting: dict[Version, asyncio.Task[None]] = {}
        self._next = 0
        self._view = say.View([], False, True)
        self._full: dict[Version, say.Room] = {}

    def all(self) -> list[bytes]:
        """What a front that is new must be told."""
        rooms = [_encoder.encode(room) for room in self._full.values()]
        return [*self._portraits.values(), _encoder.encode(self._view), *rooms]

    def key(self, version: Version) -> int:
        """What fronts know `version` by; 0 if they do not."""
        shown = self._shown.get(version)
        return 0 if shown is None else shown.key

    def look(self) -> None:
        """Tell what has changed. Where there are keys fronts hand on every request, and are told of no model: whose
        request brings this about, and which models are there for its key, must make no difference."""
        closed = self._server.keys.table is not None
        there = frozenset[Version]() if closed else frozenset(self._server.versions)
        for version in [one for one in self._shown if one not in there or not one.ready]:
            del self._shown[version]
            self._full.pop(version, None)
        models = [] if closed else [self._model(name, model) for name, model in self._server.models.items()]
        awake = not self._server.sleeping  # a front knows nothing of those that sleep
        whole = awake and all(
            not one.main or any(version.name == one.main for version in one.versions) for one in models
        )
        view = say.View(models, whole and not closed, closed)
        if view != self._view:
            self._view = view
            self._tell(_encoder.encode(view))
            used = {shown.portrait for shown in self._shown.values()}
            for number in [one for one in self._portraits if one not in used]:
                del self._portraits[number]
        for version in list(self._full):
            self.look_for_room(version)

    def look_for_room(self, version: Version) -> None:
        """Tell how large requests for `version` may be, and whether it takes any at all, if that has changed."""
        self.look_for_bytes(version)
        error: Unavailable | None = None
        for replica in version.replicas:
            try:
                replica.check_room(0)
                error = None
                break
            except Unavailable as refusal:
                error = refusal
        if (error is None) == (version not in self._full):
            return
        key = self.key(version)
        if error is None:
            del self._full[version]
            self._tell(_encoder.encode(say.Room(key, "", "", 0.0)))
        elif key:
            room = say.Room(key, type(error).__name__, str(error), error.retry_after)
            self._full[version] = room
            self._tell(_encoder.encode(room))

    def look_for_bytes(self, version: Version) -> None:
        """Write down how large requests for `version` may be."""
        free = max((getattr(replica, "free_bytes", math.inf) for replica in version.replicas), default=math.inf)
        self._page.write_free(self.key(version), free)

    def is_full(self, version: Version) -> bool:
        """Whether the fronts were told that it takes no requests."""
        return version in self._full

    def _model(self, name: str, model: Model) -> say.ModelView:
        views = [self._of(version) for version in model.versions.values()]
        main = "" if model.main is None else model.main.name
        return say.ModelView(name, main, [view for view in views if view is not None])

    def _of(self, version: Version) -> say.VersionView | None:
        """None if it does not take requests, or if it is not known yet what fronts must know."""
        if not version.ready or not version.signature.outputs:
            return None
        shown = self._shown.get(version)
        if shown is None or not (
            shown.signature is version.signature
            and shown.about is version.about
            and shown.config is version.config
            and shown.max_rows == version.max_rows
        ):
            self._next += 1
            same = shown is not None and shown.about is version.about
            portrait = shown.portrait if shown is not None and same else None
            if version.about is None:
                portrait = 0
            shown = _Shown(version.signature, version.about, version.config, version.max_rows, self._next, portrait)
            self._shown[version] = shown
            self._full.pop(version, None)
        if shown.portrait is None:
            if version not in self._painting:
                self._painting[version] = asyncio.ensure_future(self._paint(version))
            return None
        if shown.view is None:
            self.look_for_bytes(version)
            facts = Facts(shown.signature, Capabilities(), shown.max_rows, version.platform)
            shown.view = say.VersionView(version.name, shown.key, facts.plain(), plain(shown.config), shown.portrait)
        return shown.view

    async def _paint(self, version: Version) -> None:
        """Have it portrayed, which may take a while for a large vocabulary."""
        about = version.about
        number = -1
        try:
            portrait = getattr(version.replicas[0], "portrait", None)
            found = None if portrait is None else await asyncio.to_thread(portrait)
            if found is None:
                log.warning("fronts hand on all requests: the executor has no portrait", model=version.model)
            else:
                body = _encoder.encode(say.Portrait(self._next + 1, *found))
                self._next += 1
                number = self._next
                self._portraits[number] = body
                self._tell(body)
        except Exception:  # an executor is foreign code
            log.exception("a model cannot be portrayed for fronts", model=version.model)
        finally:
            del self._painting[version]
        shown = self._shown.get(version)
        if shown is not None and shown.about is about:
            shown.portrait = number
        self.look()
