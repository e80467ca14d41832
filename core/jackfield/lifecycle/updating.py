"""Changing which versions there are while requests come: a version is loaded beside those that serve, takes over, and
they drain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog

from jackfield.config.models import ModelConfig
from jackfield.engine.bisect import public
from jackfield.errors import JackfieldError, LoadError, NotFound, Unavailable
from jackfield.lifecycle.model import Model
from jackfield.lifecycle.statistics import Statistics
from jackfield.lifecycle.version import Version, VersionState

log = structlog.get_logger("jackfield.updating")

T = TypeVar("T")

Make = Callable[[str, ModelConfig, Statistics | None], Version]


class Updater:
    """Loads and unloads, one after the other for each model, as many at once as there are models. On the event loop.

    What was begun goes on when whoever waits for it is cancelled; `stop` ends it. `drain`: seconds that the requests of
    a version get to be answered when it goes. `settled` is told which section of the configuration a model is at now.
    """

    def __init__(
        self, models: dict[str, Model], make: Make, settled: Callable[[str, ModelConfig], None], drain: float
    ) -> None:
        self._models = models
        self._make = make
        self._settled = settled
        self._drain = drain
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopped = False

    async def begin(self, configs: Mapping[str, ModelConfig]) -> Coroutine[Any, Any, None]:
        """Take in what there is at the start; what is returned loads it, and never raises LoadError. A version that
        fails then stays where it is, since it is wanted."""
        for name, config in configs.items():
            model = self._models[name] = Model(name, config)
            model.serve(self._make(name, config, None), main=True)
            await model.alone.acquire()  # at once: nobody else knows it yet
        return self._loaded([*self._models.values()])

    async def load(self, name: str, config: ModelConfig, keep: Collection[str], main: bool) -> Version:
        """See `Server.load`."""
        return await self._shielded(self._load(name, config, keep, main))

    async def unload(self, name: str, version: str) -> None:
        """See `Server.unload`."""
        await self._shielded(self._unload(name, version))

    async def remove(self, name: str) -> None:
        """Unload the model `name`, and forget that it was there."""
        await self._shielded(self._remove(name))

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[Model]:
        """Nobody else changes the versions of the model `name` meanwhile; raises NotFound."""
        while True:
            model = self._models.get(name)
            if model is None:
                raise NotFound(f"Request for unknown model: '{public(name)}' is not found")
            async with model.alone:
                if self._models.get(name) is model:  # it may have been removed while this waited
                    yield model
                    return

    async def stop(self) -> None:
        """End what was begun. The versions that it leaves behind are still in their models."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _loaded(self, models: list[Model]) -> None:
        async def loaded(model: Model) -> None:
            try:
                await asyncio.gather(*(version.load() for version in model.versions.values()))
            finally:
                model.alone.release()

        await asyncio.gather(*map(loaded, models))

    async def _shielded(self, call: Coroutine[Any, Any, T]) -> T:
        if self._stopped:
            call.close()
            raise Unavailable("the server is stopping")
        task = asyncio.ensure_future(call)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and self._stopped:
                raise Unavailable("the server is stopping") from None
            raise

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, JackfieldError):  # whoever waited may be gone
            log.error("an update failed", exc_info=error)

    async def _load(self, name: str, config: ModelConfig, keep: Collection[str], main: bool) -> Version:
        self._models.setdefault(name, Model(name, config))
        async with self.alone(name) as model:
            new = self._make(name, config, model.counts(config.version))
            if main and not model.versions:
                await self._first(model, new)
            else:
                await self._beside(model, new, main)
            if main:
                model.config = config
                self._settled(name, config)
                stays = {new.name, *keep}
                await self._go(model, [one for one in model.versions.values() if one.name not in stays])
            return new

    async def _first(self, model: Model, new: Version) -> None:
        """Nothing serves: requests are told that it is loading."""
        model.serve(new, main=True)
        await new.load()
        if new.state is VersionState.FAILED:
            del model.versions[new.name]
            model.main = None
            raise self._fallen(model, new)

    async def _beside(self, model: Model, new: Version, main: bool) -> None:
        model.arriving = new
        await new.load()
        if new.state is VersionState.FAILED:
            raise self._fallen(model, new)
        old = model.versions.get(new.name)
        before = model.main
        if old is not None:
            model.let_go(old)
        model.serve(new, main=main or old is before)
        if main:
            log.info("model is updated", model=model.name, version=new.name, before=before and before.name)
        if old is not None:
            await self._ended(model, old)

    def _fallen(self, model: Model, new: Version) -> LoadError:
        model.fell(new)
        return LoadError(f"model '{model.name}' version '{new.name}' failed to load: {new.reason}")

    async def _unload(self, name: str, version: str) -> None:
        async with self.alone(name) as model:
            if not version:
                await self._go(model, list(model.versions.values()))
            elif version in model.versions:
                await self._go(model, [model.versions[version]])
            elif all(one.name != version for one in model.shown):  # it is as it ought to be if it was unloaded before
                model.version(version)

    async def _remove(self, name: str) -> None:
        async with self.alone(name) as model:
            await self._go(model, list(model.versions.values()))
            del self._models[name]

    async def _go(self, model: Model, versions: list[Version]) -> None:
        """Let `versions` go, all at once, and wait until they have answered what they accepted."""
        for version in versions:
            model.let_go(version)
        await asyncio.gather(*(self._ended(model, version) for version in versions))

    async def _ended(self, model: Model, version: Version) -> None:
        await version.unload(self._drain)
        model.gone(version)
