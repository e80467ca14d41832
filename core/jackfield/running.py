"""A server from its start to its end: loading what is to be there, its heartbeat, and stopping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from jackfield.clients import Clients
from jackfield.config.models import ModelConfig
from jackfield.errors import ConfigError, Unavailable
from jackfield.lifecycle.model import Model
from jackfield.lifecycle.updating import Updater
from jackfield.lifecycle.version import Version, first_failure
from jackfield.supply import Supply

log = structlog.get_logger("jackfield.server")

NOT_STARTED = (
    "the server was not started: run its lifespan (an app that mounts it passes `lifespan=app.lifespan`, or enters it)"
)
_HEARTBEAT = 0.1  # seconds between looks at hung workers and at clients that may have gone


class Running:
    """Used on the event loop on which it was started, but for `post`, which is for any thread. `stopping`: it was told
    to stop."""

    def __init__(self, models: Mapping[str, Model], supply: Supply, updater: Updater, clients: Clients) -> None:
        self.stopping = False
        self._models = models
        self._supply = supply
        self._updater = updater
        self._clients = clients
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loading: asyncio.Task[None] | None = None
        self._heart: asyncio.Task[None] | None = None

    @property
    def begun(self) -> bool:
        """Whether it was ever started."""
        return self._loop is not None

    @property
    def started(self) -> bool:
        """Whether it runs: started, and not stopping."""
        return self._loop is not None and not self.stopping

    def check(self) -> None:
        """Raises Unavailable if it does not run."""
        if self.stopping or self._loop is None:
            raise Unavailable("the server is stopping" if self.stopping else NOT_STARTED)

    async def start(self, sections: Mapping[str, ModelConfig]) -> None:
        """See `Server.start`. `sections`: of the models that there are to be."""
        if self._loop is not None:
            raise ConfigError("this Server was started before: make a new one")
        self._loop = asyncio.get_running_loop()
        self._loading = asyncio.create_task(await self._supply.begin(sections))
        self._heart = asyncio.create_task(self._beat())

    async def loaded(self) -> None:
        """See `Server.loaded`."""
        if self._loading is None:
            raise Unavailable("the server was not started")
        await asyncio.shield(self._loading)
        mains = [model.main for model in self._models.values() if model.main is not None]
        failure = first_failure(mains) or self._supply.failure
        if failure is not None:
            raise failure

    async def stop(self, timeout: float, *, at_once: bool) -> None:
        """See `Server.stop`. `timeout`: seconds within which accepted requests are answered, if not `at_once`."""
        if self._loop is None:
            return
        if self.stopping:
            if at_once:
                await asyncio.gather(*(version.hurry() for version in self._held))
            return
        self.stopping = True
        if self._loading is not None and not self._loading.done():
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        await self._supply.stop()
        await self._updater.stop()
        within = 0 if at_once else timeout
        await asyncio.gather(*(version.unload(within) for version in self._held))
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.gather(self._heart, return_exceptions=True)

    def post(self, call: Callable[[], None]) -> None:
        """Have `call` run on the event loop, soon. Any thread."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # the loop is closed: whoever ran it did not stop the server, and nobody waits any more
            log.warning("an answer came after the event loop was closed")

    @property
    def _held(self) -> list[Version]:
        """All that hold anything of the machine."""
        return [version for model in self._models.values() for version in model.all]

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            for model in self._models.values():
                for version in [*model.all]:
                    version.look()
            self._supply.look()
            self._clients.look()
