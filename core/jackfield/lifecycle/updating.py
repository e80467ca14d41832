"""Changing which versions there are while requests come: a version is loaded beside those that serve, takes over, and
they drain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog

from jackfield.config.models import ModelConfig
from jackfield.engine.bisect import public
from jackfield.errors import JackfieldError, LoadError, NotFound, Unavailable
from jackfield.lifecycle.memory import artifact_bytes, give_back, shown
from jackfield.lifecycle.model import Model
from jackfield.lifecycle.state import VersionState
from jackfield.lifecycle.statistics import Statistics
from jackfield.lifecycle.trial import CanaryTrial, ShadowTrial, Trial
from jackfield.lifecycle.version import Version

log = structlog.get_logger("jackfield.updating")

T = TypeVar("T")

Approve = Callable[[], Awaitable[None]]
"""Raises LoadError if a version that was loaded must not serve."""
Make = Callable[[str, ModelConfig, Statistics | None], Version]


class Updater:
    """Loads and unloads, one after the other for each model, as many at once as there are models. On the event loop.

    What was begun goes on when whoever waits for it is cancelled; `stop` ends it. `settled` is told which section of
    the configuration a model is at now.
    """

    def __init__(
        self,
        models: dict[str, Model],
        make: Make,
        settled: Callable[[str, ModelConfig], None],
        now: Callable[[], float],
    ) -> None:
        self._models = models
        self._make = make
        self._settled = settled
        self._now = now
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lost: set[str] = set()
        self._stopped = False

    async def begin(self, configs: Mapping[str, ModelConfig]) -> Coroutine[Any, Any, None]:
        """Take in what there is at the start; what is returned loads it, and never raises LoadError. A version that
        fails then stays where it is, since it is wanted."""
        for name, config in configs.items():
            model = self._models[name] = Model(name, config)
            model.serve(self._make(name, config, None), main=True)
            await model.alone.acquire()  # at once: nobody else knows it yet
        return self._loaded([self._models[name] for name in configs])

    async def load(
        self, name: str, config: ModelConfig, keep: Collection[str], main: bool, approve: Approve | None = None
    ) -> Version:
        """See `Server.load`. `approve` is asked once the version is loaded, before it serves. A trial that is under way
        is over, and one that is still to come after loading does not begin: its version is not wanted any more."""
        self.end_trial(name, "another update came")
        return await self._shielded(self._load(name, config, keep, main, approve))

    async def prefer(self, name: str, version: str) -> None:
        """Let a version that serves take the requests that name none. Raises NotFound."""
        async with self.alone(name) as model:
            found = model.version(version)
            if found is not model.main:
                model.main = found
                log.info("model has another main version", model=name, version=version)

    async def unload(self, name: str, version: str) -> None:
        """See `Server.unload`. It ends the trial of what is unloaded, or keeps it from beginning."""
        coming = self._coming(name)
        if coming is not None and version in ("", coming.name):
            self._unwanted(name, "it was unloaded")
        await self._shielded(self._unload(name, version))

    def end_trial(self, name: str, reason: str) -> None:
        """A version of the model `name` that is on trial, or will be once it is loaded, does not take over."""
        if self._coming(name) is not None:
            self._unwanted(name, reason)

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

    def _coming(self, name: str) -> Version | None:
        model = self._models.get(name)
        return None if model is None else model.arriving

    def _unwanted(self, name: str, reason: str) -> None:
        model = self._models[name]
        assert model.arriving is not None
        model.arriving.unwanted = reason
        if model.trial is not None:
            model.trial.end(reason)

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

    async def _load(
        self, name: str, config: ModelConfig, keep: Collection[str], main: bool, approve: Approve | None
    ) -> Version:
        self._models.setdefault(name, Model(name, config))
        async with self.alone(name) as model:
            new = self._make(name, config, model.counts(config.version))
            new.approve = approve
            stays = {new.name, *keep}
            others = [one for one in model.versions.values() if main and one.name not in stays]
            if main and not model.versions:
                await self._first(model, new)
            elif main and config.update.order == "in-place":
                await self._in_place(model, new, others)
            else:
                await self._beside(model, new, others, main)
            if main:
                model.config = config
                self._found(model)
                self._settled(name, config)
            return new

    async def _first(self, model: Model, new: Version) -> None:
        """Nothing serves: requests are told that it is loading."""
        model.serve(new, main=True)
        await new.load()
        if new.state is VersionState.FAILED:
            del model.versions[new.name]
            model.main = None
            raise self._fallen(model, new)

    async def _in_place(self, model: Model, new: Version, others: list[Version]) -> None:
        """Those that go make room first. If the new version then fails, the main one of them is loaded again."""
        before = model.main
        going = [*others, *(one for one in model.versions.values() if one.name == new.name and one not in others)]
        new.retry_after = max([new.retry_after, *(one.took_s for one in going)])
        leaving = self._let_go(model, going)
        if model.main is not None:  # one that stays serves meanwhile
            await self._ended(model, leaving, new.config)
            await self._beside(model, new, [], main=True)
            return
        model.serve(new, main=True)
        await self._ended(model, leaving, new.config)
        try:
            await self._first(model, new)
        except LoadError:
            if before is not None and before in going:
                again = self._make(model.name, before.config, model.counts(before.name))
                log.warning("model goes back to the version before", model=model.name, version=again.name)
                if not model.due:  # nobody unloaded it: without a version it is not ready
                    model.due = True
                    self._lost.add(model.name)
                await self._first(model, again)
                self._found(model)
            raise

    def _found(self, model: Model) -> None:
        if model.name in self._lost:
            self._lost.discard(model.name)
            model.due = False

    async def _beside(self, model: Model, new: Version, others: list[Version], main: bool) -> None:
        """The new version is loaded while others serve, and takes over once it is found to be good."""
        model.arriving = new
        old = model.versions.get(new.name)
        before = model.main
        try:
            lacking = await asyncio.to_thread(_lacking, new.config, old or before)
        except Exception:  # a backend is foreign code; loading will tell
            log.exception("what its device has free is not known", model=model.name)
            lacking = ""
        if lacking:
            new.refuse(lacking)
        else:
            await new.load(gently=True)
        if new.state is VersionState.FAILED:
            raise self._fallen(model, new)
        if main and before is not None and before.state is VersionState.READY:
            await self._tried(model, before, new)
        going = [*others] if old is None or old in others else [*others, old]
        leaving = self._let_go(model, going)
        model.serve(new, main=main or (old is not None and old is before))
        if main:
            log.info("model is updated", model=model.name, version=new.name, before=before and before.name)
        await self._ended(model, leaving, new.config)

    async def _tried(self, model: Model, old: Version, new: Version) -> None:
        """Let clients' requests prove `new`, as its section says. Raises LoadError if they do not."""
        update, trials = new.config.update, list[Trial]()
        if update.shadow is not None:
            trials.append(ShadowTrial(old, new, update.shadow, self._now))
        if update.canary is not None:
            trials.append(CanaryTrial(old, new, update.canary, self._now))
        if trials and new.unwanted:  # somebody said so while it was loaded
            await new.withdraw(new.unwanted, update.drain_s)
            raise self._fallen(model, new)
        for trial in trials:
            log.info("model is on trial", model=model.name, version=new.name, how=type(trial).__name__)
            model.trial = trial
            try:
                reason = await trial.verdict()
            except Exception as error:
                log.exception("a trial failed", model=model.name)
                reason = f"{type(error).__name__}: {error}"
            finally:
                model.trial = None
            if reason:
                await new.withdraw(reason, update.drain_s)
                raise self._fallen(model, new)

    def _fallen(self, model: Model, new: Version) -> LoadError:
        model.fell(new)
        return LoadError(f"model '{model.name}' version '{new.name}' failed to load: {new.reason}")

    async def _unload(self, name: str, version: str) -> None:
        async with self.alone(name) as model:
            going = [one for one in model.versions.values() if version in ("", one.name)]
            if version and all(one.name != version for one in model.shown):  # what is unloaded already may stay so
                model.version(version)
            await self._ended(model, self._let_go(model, going), model.config, replaced=False)

    async def _remove(self, name: str) -> None:
        async with self.alone(name) as model:
            await self._ended(model, self._let_go(model, [*model.versions.values()]), model.config, replaced=False)
            del self._models[name]
            self._lost.discard(name)

    def _let_go(self, model: Model, versions: list[Version]) -> list[Version]:
        """They get no requests from now on, all at once."""
        for version in versions:
            model.let_go(version)
        return versions

    async def _ended(
        self, model: Model, versions: list[Version], config: ModelConfig, *, replaced: bool = True
    ) -> None:
        """Wait until `versions`, which were let go, have answered what they accepted, and are gone. `replaced`: another
        is in their place."""

        async def ended(version: Version) -> None:
            await version.unload(config.update.drain_s)
            model.gone(version)

        await asyncio.gather(*(ended(version) for version in versions))
        await asyncio.to_thread(give_back, once_grown=replaced)


def _lacking(config: ModelConfig, old: Version | None) -> str:
    """Why there is not the memory for a version of `config` beside `old`, on the device that `old` is on; empty if
    there is, or nobody knows."""
    if old is None:
        return ""
    took, device, free = old.memory()
    need = config.update.memory_bytes or max(took, artifact_bytes(config.source) * config.replicas)
    if free is None or need <= free:
        return ""
    return (
        f"it takes about {shown(need)} and {device} has {shown(free)} free beside version '{old.name}', which serves: "
        "with `update: {order: in-place}` that one goes first"
    )
