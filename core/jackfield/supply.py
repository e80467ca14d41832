"""From the sections of the configuration to models that serve: as they are, out of repositories, or once asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Coroutine, Iterator, Mapping
from typing import Any, NamedTuple

import structlog

from jackfield.clock import Clock
from jackfield.config.models import ModelConfig
from jackfield.engine.bisect import public
from jackfield.errors import JackfieldError, LoadError
from jackfield.interfaces import Loader
from jackfield.lifecycle.model import Model
from jackfield.lifecycle.on_demand import OnDemand
from jackfield.lifecycle.updating import Approve, Updater
from jackfield.lifecycle.version import Version
from jackfield.plugins.registry import Registry
from jackfield.repository import Detects, Shelves, size_of

log = structlog.get_logger("jackfield.supply")


class Listed(NamedTuple):
    """A version that there is, for whoever lists them: `version`, or, if it is not loaded, why."""

    model: str
    name: str
    version: Version | None
    reason: str = ""


class Supply:
    """Used on the event loop. Whatever loads and unloads models goes through this."""

    def __init__(
        self, registry: Registry, models: dict[str, Model], updater: Updater, clock: Clock, budget: int | None
    ) -> None:
        self._registry = registry
        self._models = models
        self._updater = updater
        self._sections: dict[str, ModelConfig] = {}
        self._failures: dict[str, JackfieldError] = {}
        self.shelves = Shelves(clock, self._detecting, self._load_version, updater.unload, updater.prefer)
        self.on_demand = OnDemand(models, clock, budget, self._measure, self._wake, self._put_away)

    @property
    def failure(self) -> JackfieldError | None:
        """Why one of the models that were to be loaded at the start is not there."""
        for name, error in self._failures.items():
            model = self._models.get(name)
            if model is not None and model.main is None:
                return error
        return None

    async def begin(self, sections: Mapping[str, ModelConfig]) -> Coroutine[Any, Any, None]:
        """Take in what there is at the start; what is returned loads what is to be loaded now, and raises nothing."""
        self._sections.update(sections)
        shelved = await asyncio.gather(*(self.shelves.take(name, section) for name, section in sections.items()))
        plain: dict[str, ModelConfig] = {}
        calls: list[Awaitable[None]] = []
        for (name, section), of_repository in zip(sections.items(), shelved, strict=True):
            model = self._models[name] = Model(name, section)
            if section.load == "on-demand":
                self._asleep(model, section)
            elif of_repository:
                model.due, model.absence = True, f"model '{name}' is not ready: its repository is being read"
                calls.append(self._first(model))
            else:
                plain[name] = section
        calls.append(await self._updater.begin(plain))

        async def loaded() -> None:
            await asyncio.gather(*calls)

        return loaded()

    async def load(self, name: str, section: ModelConfig, keep: Collection[str] = (), main: bool = True) -> Version:
        """See `Server.load`. Gives what takes the requests that name no version, or without `main` what was loaded."""
        if not main:  # a version beside the others changes nothing of what the model is
            return await self._updater.load(name, section, keep, main)
        self._updater.end_trial(name, "another update came")  # or `take` waits for its verdict
        before, model = self._sections.get(name), self._models.get(name)
        due, absence = (False, "") if model is None else (model.due, model.absence)
        of_repository = await self.shelves.take(name, section)
        if section.load == "on-demand":  # a request may be waking it, with the section before
            await self.on_demand.at_rest(name)
        self._sections[name] = section
        try:
            if of_repository or section.load == "on-demand":
                version = await self._load_more(name, section)
            else:
                self.on_demand.drop(name)
                version = await self._updater.load(name, section, keep, main)
        except JackfieldError:
            model = self._models.get(name)
            if model is not None:
                model.due, model.absence = model.due or due, absence
            await self._restore(name, before)
            raise
        self._models[name].absence = ""
        return version

    def end_trial(self, name: str, reason: str, unless: ModelConfig | None) -> None:
        """A version of the model `name` that is on trial, or will be once it is loaded, does not take over, unless
        `unless` is the section that it came from."""
        model = self._models.get(name)
        coming = None if model is None else model.arriving
        if coming is not None and self.shelves.section(name, coming.config) != unless:
            self._updater.end_trial(name, reason)

    async def adopt(self, name: str, section: ModelConfig) -> None:
        """The configuration says `section` of the model `name` now: load it, unless it is to sleep and does or is
        new."""
        if section.load == "on-demand" and self._not_awake(name):
            await self.shelves.take(name, section)
            await self.on_demand.at_rest(name)
            if self._not_awake(name):
                self._sections[name] = section
                self._asleep(self._models.setdefault(name, Model(name, section)), section)
                return
        await self.load(name, section)

    async def unload(self, name: str, version: str) -> None:
        """See `Server.unload`."""
        model = self._models.get(name)
        last = not version or (model is not None and list(model.versions) == [version])
        if last and name in self.on_demand:
            await self.on_demand.put_to_sleep(name)
            return
        if name in self.shelves:
            await self.shelves.put_away(name, version)
        else:
            await self._updater.unload(name, version)
        model = self._models.get(name)
        if model is None or model.versions:
            return
        if name not in self.on_demand:
            model.due, model.absence = False, ""
        elif name not in self.on_demand.sleeping:  # the others went meanwhile
            await self.on_demand.put_to_sleep(name)

    async def remove(self, name: str) -> None:
        """Unload the model `name`, and forget that it was there."""
        self.on_demand.drop(name)
        self.shelves.drop(name)
        self._sections.pop(name, None)
        await self._updater.remove(name)

    def settled(self, name: str, config: ModelConfig) -> ModelConfig:
        """The main version of the model goes on with `config`: the section of the configuration that says so."""
        section = self.shelves.section(name, config)
        self._sections[name] = section
        self.shelves.reconfigured(name, section)
        if name in self.on_demand:
            self.on_demand.take(name, section)
        return section

    def configured(self, model: Model) -> list[Version]:
        """The versions that the section of the configuration is about, the main one last."""
        main = model.main
        if main is None:
            return []
        others = [one for one in model.versions.values() if one is not main] if model.name in self.shelves else []
        return [*others, main]

    def listed(self) -> Iterator[Listed]:
        """All versions of all models: those that are loaded, or were, or could be."""
        for name, model in self._models.items():
            shown = {version.name for version in model.shown}
            for version in model.shown:
                yield Listed(name, version.name, version)
            rows = [row for row in self.shelves.rows(name) if row[0] not in shown]
            for version_name, reason in rows:
                yield Listed(name, version_name, None, reason)
            if not shown and not rows:
                of_repository = name in self.shelves
                yield Listed(name, "" if of_repository else model.config.version, None, public(model.absence))

    def look(self) -> None:
        """At each heartbeat of the server."""
        self.shelves.look()
        self.on_demand.look()

    async def stop(self) -> None:
        """Load nothing any more."""
        await self.shelves.stop()
        await self.on_demand.stop()

    async def _restore(self, name: str, section: ModelConfig | None) -> None:
        """The model goes on with `section`, or if it had none is not kept here."""
        if section is None:
            self._sections.pop(name, None)
            self.shelves.drop(name)
            self.on_demand.drop(name)
            return
        self._sections[name] = section
        await self.shelves.take(name, section)
        model = self._models.get(name)
        if model is None or section.load != "on-demand":
            self.on_demand.drop(name)
        elif name in self.on_demand.sleeping or model.main is None:
            self._asleep(model, section)
            if name not in self.on_demand.sleeping:  # what served had gone to make room
                await self.on_demand.put_to_sleep(name)
        elif name in self.on_demand:
            self.on_demand.take(name, section)
        else:  # it was taken away, and serves still
            self.on_demand.take(name, section, held=await asyncio.to_thread(self._measure, section))

    async def _first(self, model: Model) -> None:
        try:
            await self.shelves.bring(model.name)
        except JackfieldError as error:
            self._failures[model.name] = error
            model.absence = f"model '{model.name}' is not ready: {public(str(error))}"

    async def _load_more(self, name: str, section: ModelConfig) -> Version:
        model = self._models.setdefault(name, Model(name, section))
        if section.load == "at-start":
            self.on_demand.drop(name)
            await self.shelves.bring(name)
        elif name in self.on_demand.sleeping or model.main is None:
            self._asleep(model, section)
            await self.on_demand.wake(name)
        else:  # it is there already, and loaded anew beside itself
            await self._bring(name)
            self.on_demand.take(name, section, held=await asyncio.to_thread(self._measure, section))
        return model.version()

    def _not_awake(self, name: str) -> bool:
        return name in self.on_demand.sleeping or name not in self._models

    def _asleep(self, model: Model, section: ModelConfig) -> None:
        self.on_demand.take(model.name, section)
        model.config, model.due = section, False
        model.absence = f"model '{model.name}' is not ready: it is loaded when a request for it comes"

    async def _wake(self, name: str) -> None:
        try:
            await self._bring(name)
        except LoadError as error:
            if self._models[name].main is None:
                raise
            log.warning("model is awake, though not all of it could be loaded", model=name, reason=str(error))

    async def _bring(self, name: str) -> None:
        if name in self.shelves:
            await self.shelves.bring(name)
        else:
            await self._updater.load(name, self._sections[name], (), True)

    async def _put_away(self, name: str) -> None:
        if name in self.shelves:
            await self.shelves.put_away(name)
        else:
            await self._updater.unload(name, "")

    async def _load_version(
        self, name: str, config: ModelConfig, keep: Collection[str], main: bool, approve: Approve
    ) -> None:
        await self._updater.load(name, config, keep, main, approve)

    def _measure(self, section: ModelConfig) -> int:
        """Bytes that the model takes: as declared, or those of its files, for each replica."""
        if section.memory is not None:
            return section.memory
        return section.replicas * size_of(section, self._detecting(section))

    def _detecting(self, section: ModelConfig) -> Detects:
        """What tells whether the loader that `section` names knows a source, or any if it names none."""
        entries = self._registry.socket("loader").values()
        named = section.loader and section.loader.name
        classes = [e.cls for e in entries if e.unavailable is None and named in (None, e.name)]

        def detects(source: str) -> bool:
            return any(issubclass(cls, Loader) and cls.detects(source) for cls in classes)

        return detects
