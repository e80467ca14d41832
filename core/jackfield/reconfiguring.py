"""The configuration that a server is at, and going on with another one while it serves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jackfield.config import load
from jackfield.config.changes import changed, difference, merged
from jackfield.config.keys import Entries, read_keys
from jackfield.config.models import Config, ModelConfig
from jackfield.engine.bisect import public
from jackfield.errors import JackfieldError, NotFound
from jackfield.keys.ring import Ring
from jackfield.lifecycle.model import Model
from jackfield.lifecycle.updating import Updater
from jackfield.lifecycle.version import Version
from jackfield.plugins.registry import Registry
from jackfield.supply import Supply


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of a new configuration. `changed`: models that go on with it, `loaded`: those that are new, `rolled`:
    those of which another version serves now, `unloaded`: those that are gone. `restart`: paths of what else differs.
    `failed`: models that could not be changed and go on as before, with the reason."""

    changed: tuple[str, ...]
    restart: tuple[str, ...]
    failed: Mapping[str, str]
    loaded: tuple[str, ...] = ()
    rolled: tuple[str, ...] = ()
    unloaded: tuple[str, ...] = ()


class Reconfigurer:
    """Used on the event loop, but for `section`. `config` is what holds now; another takes its place with each change,
    and whoever read it before keeps what it read.

    Raises ConfigError at once if the keys that `config` names cannot be had."""

    def __init__(self, config: Config, registry: Registry, keys: Ring, supply: Supply, updater: Updater) -> None:
        self.config = config
        self._registry = registry
        self._keys = keys
        self._supply = supply
        self._updater = updater
        self._reloading = asyncio.Lock()
        self._take_keys(read_keys(config.server.keys), config)

    def section(self, name: str, changes: Mapping[str, Any], before: ModelConfig | None = None) -> ModelConfig:
        """See `Server.section`. For threads."""
        if before is None:
            return load({"models": {name: changes}}, self._registry).models[name]
        return merged(name, before, changes, self._registry)

    async def asked(self, name: str, config: ModelConfig | Mapping[str, Any] | None) -> ModelConfig:
        """The section that `Server.load` was asked for. Raises as that if there is none, or it is wrong."""
        if config is None:
            config = self.config.models.get(name)
            if config is None:
                raise NotFound(f"model '{public(name)}' has no section in the configuration: give one")
        if not isinstance(config, ModelConfig):
            config = await asyncio.to_thread(self.section, name, config)
        return config

    def settled(self, name: str, config: ModelConfig) -> None:
        """The main version of the model `name` goes on with `config`: the configuration says so from now on."""
        config = self._supply.settled(name, config)
        self.config = self.config.model_copy(update={"models": {**self.config.models, name: config}})

    async def reconfigure(self, model: str, changes: Mapping[str, Any], version: str) -> None:
        """See `Server.reconfigure`."""
        async with self._updater.alone(model) as there:
            found = there.version(version)
            config = await asyncio.to_thread(changed, model, found.config, changes, self._registry)
            self._change(there, found, config)

    async def reload(self, config: Config, trials: Iterable[str], renewals: Iterable[Callable[[], None]]) -> Reloaded:
        """See `Server.reload`. `trials`: models whose trials it ends."""
        for name in trials:  # a reload that waits for the verdict on a trial must not keep this one waiting
            self._supply.end_trial(name, "the configuration was changed", unless=config.models.get(name))
        async with self._reloading:
            entries = await asyncio.to_thread(read_keys, config.server.keys)
            for renew in renewals:
                await asyncio.to_thread(renew)
            self._take_keys(entries, config)
            found = difference(self.config, config)
            failed: dict[str, str] = {}

            async def tried(name: str, call: Awaitable[object]) -> str | None:
                try:
                    await call
                except JackfieldError as error:
                    failed[name] = str(error)
                    return None
                return name

            async def all_of(calls: Mapping[str, Awaitable[object]]) -> tuple[str, ...]:
                done = await asyncio.gather(*(tried(name, call) for name, call in calls.items()))
                return tuple(name for name in done if name is not None)

            changed = await all_of({name: self._live(name, new) for name, new in found.live.items()})
            unloaded, loaded, rolled = await asyncio.gather(
                all_of({name: self._removed(name) for name in found.removed}),
                all_of({name: self._adopted(name, new) for name, new in found.added.items()}),
                all_of({name: self._adopted(name, new) for name, new in found.rolled.items()}),
            )
            return Reloaded(changed, found.restart, failed, loaded, rolled, unloaded)

    async def _adopted(self, name: str, section: ModelConfig) -> None:
        await self._supply.adopt(name, section)
        self.settled(name, section)

    async def _live(self, name: str, config: ModelConfig) -> None:
        async with self._updater.alone(name) as model:
            if model.main is None:  # unloaded by hand: it is loaded with this when somebody asks for it
                model.config = config
                self.settled(name, config)
            else:
                for version in self._supply.configured(model):
                    now = version.config
                    here = config.model_copy(update={"source": now.source, "version": now.version})
                    self._change(model, version, here)

    async def _removed(self, name: str) -> None:
        await self._supply.remove(name)
        self.config = self.config.model_copy(
            update={"models": {other: one for other, one in self.config.models.items() if other != name}}
        )

    def _take_keys(self, entries: Entries | None, config: Config) -> None:
        """Ask for these from now on. A server that had keys stays closed: being open needs a restart."""
        keys = config.server.keys
        if entries is not None and keys is not None:
            self._keys.change(entries, keys.open_health)
            settings = self.config.server.model_copy(update={"keys": keys})
            self.config = self.config.model_copy(update={"server": settings})

    def _change(self, model: Model, version: Version, config: ModelConfig) -> None:
        version.reconfigure(config)
        if version is model.main:
            model.config = config
            self.settled(model.name, config)
