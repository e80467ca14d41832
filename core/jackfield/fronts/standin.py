"""What stands for the server in a front: the models as it was told of them, and a way to those that it has not.

Whatever is asked of these objects that they do not have raises `Elsewhere`, so that nothing is answered from here
that may be otherwise by now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn, cast

import msgspec

from jackfield.clients import Clients
from jackfield.clock import Clock
from jackfield.config.load import load_model
from jackfield.config.models import Config, ModelConfig
from jackfield.errors import JackfieldError
from jackfield.fronts import messages as say
from jackfield.fronts.asking import Asking, Held
from jackfield.fronts.elsewhere import Elsewhere
from jackfield.fronts.page import Page
from jackfield.interfaces.engine import Facts, Likeness
from jackfield.keys.ring import Ring
from jackfield.plugins.registry import Registry
from jackfield.server import Server
from jackfield.stream import BUFFER, Stream
from jackfield.transport import Link, error_of
from jackfield.work import Request, Response, Sink, Work

_HEARTBEAT = 0.1  # seconds between looks at clients that may have gone
_encoder = msgspec.msgpack.Encoder()


class FrontVersion:
    """A version that took requests when it was last told of. The same object as long as it is the same version."""

    def __init__(
        self, model: str, view: say.VersionView, likeness: Likeness, config: ModelConfig, server: FrontServer
    ) -> None:
        facts = Facts.of(view.facts)
        self.model = model
        self.name = view.name
        self.signature = facts.signature
        self.max_rows = facts.max_rows
        self.platform = facts.platform
        self.about = likeness.about
        self.config = config
        self.full: say.Room | None = None
        """Why no request is taken at this moment, as it was told."""
        self.held = Held(server.asking, self, view.key, facts.signature, likeness.parameters)
        self._server = server
        self.cancel = server.asking.cancel

    def check_room(self, size: int = 0) -> None:
        """Raise the refusal of a moment ago if it still holds. A size that may be too much is decided elsewhere."""
        full = self.full
        if full is not None:
            error = error_of(full.error, full.message, full.retry_after)
            self.refused(error)
            raise error
        if size > self._server.page.free(self.held.key):
            raise Elsewhere("check_room")

    def submit(self, request: Request, told: Sink | None = None) -> Work:
        """As `Version.submit`, but for refusals, which are results here."""
        return self._server.asking.submit(self.held, request, told)

    def stream(self, request: Request, buffer: int) -> Stream:
        """As `Version.stream`, but for refusals: `Stream.accepted` has them."""
        return self._server.asking.stream(self.held, request, buffer)

    def refused(self, error: JackfieldError) -> None:
        """Have a refusal counted."""
        self._server.refused(self.model, self.name, type(error).__name__)

    def __getattr__(self, name: str) -> NoReturn:
        raise Elsewhere(name)


class FrontModel:
    """Its versions that took requests when they were last told of."""

    def __init__(self, name: str, versions: Mapping[str, FrontVersion], main: str) -> None:
        self.name = name
        self._versions = versions
        self._main = main

    @property
    def main(self) -> FrontVersion | None:
        """The version that takes requests which name none; None if the model is unloaded."""
        return self.version() if self._main else None

    def version(self, name: str = "") -> FrontVersion:
        """The version by its name, the main one for an empty name."""
        found = self._versions.get(name or self._main)
        if found is None:
            raise Elsewhere(name)
        return found

    def __getattr__(self, name: str) -> NoReturn:
        raise Elsewhere(name)


class FrontServer:
    """Stands for a `Server`. Used on the event loop."""

    def __init__(self, config: Config, registry: Registry, clock: Clock, link: Link, page: Page) -> None:
        self.config = config
        self.registry = registry
        self.clock = clock
        self.page = page
        self.clients = Clients(clock)
        self.asking: Asking
        """Set before anything is asked."""
        self._link = link
        self._models: dict[str, FrontModel] = {}
        self._by_key: dict[int, FrontVersion] = {}
        self._whole = False
        self.closed = True
        """Whether nothing is to be answered here."""
        self.keys = Ring(clock)
        """None: where there are keys, nothing is answered here."""
        self.sleeping: Mapping[str, object] = {}
        """None: a model that is not loaded is not known here, and whatever is asked of it goes where it can be."""
        self._refused: dict[tuple[str, str, str], int] = {}
        self._heart: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look after clients."""
        self._heart = asyncio.create_task(self._beat())

    async def stop(self) -> None:
        """Look after nobody any more."""
        if self._heart is not None:
            self._heart.cancel()
            with suppress(asyncio.CancelledError):
                await self._heart

    def show(self, view: say.View, likenesses: Mapping[int, Likeness], configs: Mapping[int, ModelConfig]) -> None:
        """The models are as `view` tells. What is missing in `likenesses` or `configs`, by number and by key, is not
        known here."""
        models: dict[str, FrontModel] = {}
        by_key: dict[int, FrontVersion] = {}
        whole = view.whole
        for model in view.models:
            versions: dict[str, FrontVersion] = {}
            for one in model.versions:
                found = self._by_key.get(one.key)
                if found is None:
                    likeness = likenesses.get(one.portrait)
                    if likeness is None or one.key not in configs:
                        whole = False
                        continue
                    found = FrontVersion(model.name, one, likeness, configs[one.key], self)
                versions[one.name] = by_key[one.key] = found
            models[model.name] = FrontModel(model.name, versions, model.main)
        self._models, self._by_key, self._whole, self.closed = models, by_key, whole, view.closed

    def room(self, message: say.Room) -> None:
        """Whether a version takes requests has changed."""
        found = self._by_key.get(message.key)
        if found is not None:
            found.full = message if message.error else None

    def held(self, key: int) -> Held | None:
        """What stands for the version with this key; None if it is not known here."""
        found = self._by_key.get(key)
        return None if found is None else found.held

    @property
    def models(self) -> Mapping[str, FrontModel]:
        """All models by name, if of each is known here what takes its requests."""
        if not self._whole:
            raise Elsewhere("models")
        return self._models

    def model(self, name: str) -> FrontModel:
        """The model by its name."""
        found = self._models.get(name)
        if found is None:
            raise Elsewhere(name)
        return found

    def submit(self, request: Request, told: Sink | None = None) -> Work:
        """As `Server.submit`, but for refusals, which are results here."""
        return self.model(request.model).version(request.version).submit(request, told)

    def stream(self, request: Request, *, buffer: int = BUFFER) -> Stream:
        """As `Server.stream`, but for refusals: `Stream.accepted` has them."""
        return self.model(request.model).version(request.version).stream(request, buffer)

    def cancel(self, work: Work) -> None:
        """Withdraw work that was submitted."""
        self.asking.cancel(work)

    async def infer(self, model: str, inputs: Mapping[str, Any], **options: Any) -> Response:
        """As `Server.infer`."""
        return await Server.infer(cast(Server, self), model, inputs, **options)

    def refused(self, model: str, version: str, error: str) -> None:
        """Have a refusal counted, those of one kind together: in overload each message would cost as much as one."""
        if not self._refused:
            asyncio.get_running_loop().call_soon(self._tell_refused)
        key = model, version, error
        self._refused[key] = self._refused.get(key, 0) + 1

    def _tell_refused(self) -> None:
        counts, self._refused = self._refused, {}
        for (model, version, error), count in counts.items():
            self._link.send(_encoder.encode(say.Refused(model, version, error, count)))

    def _check_running(self) -> None:
        """For `infer`: if it does not run, that is told elsewhere."""

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            self.clients.look()

    def __getattr__(self, name: str) -> NoReturn:
        raise Elsewhere(name)


def configs_of(view: say.View, known: Sequence[int], registry: Registry) -> dict[int, ModelConfig]:
    """The sections of the versions in `view` whose keys are not `known`. Not for the event loop."""
    return {
        one.key: load_model(one.config, registry)
        for model in view.models
        for one in model.versions
        if one.key not in known
    }
