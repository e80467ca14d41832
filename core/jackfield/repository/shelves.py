"""Models that come out of repositories: which versions are to serve, and making it so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from jackfield.clock import Clock
from jackfield.config.models import ModelConfig
from jackfield.errors import JackfieldError, LoadError
from jackfield.repository.listing import Detects, Found, Repository, Stamp, is_repository
from jackfield.repository.naming import chosen
from jackfield.repository.watching import Watch

log = structlog.get_logger("jackfield.repository")

Approve = Callable[[], Awaitable[None]]
"""Raises LoadError if what was loaded must not serve."""


class Load(Protocol):
    """Loads one version of a model, and lets those go that are neither it nor in `keep`; with `main` it takes the
    requests that name no version, without it no other goes. `approve` is asked before it serves. Raises LoadError."""

    def __call__(
        self, name: str, config: ModelConfig, keep: Collection[str], main: bool, approve: Approve
    ) -> Awaitable[object]: ...


Change = Callable[[str, str], Awaitable[None]]
"""Does something to a version of a model."""


@dataclass(eq=False)
class Shelf:
    """A model's repository. `serving`: the versions that are loaded, each with what its files and the section were like
    then; `withheld`: those that were unloaded by hand; `active`: whether the model is to be there at all."""

    section: ModelConfig
    repository: Repository
    watch: Watch = field(default_factory=Watch)
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    serving: dict[str, tuple[Stamp, ModelConfig]] = field(default_factory=dict)
    withheld: set[str] = field(default_factory=set)
    active: bool = False
    next_look: float = 0.0
    task: asyncio.Task[None] | None = None
    trouble: str = ""

    def wanted(self) -> list[Found]:
        """The versions that are to serve, from the oldest to the latest."""
        worth = {name: found for name, found in self.watch.known.items() if self.watch.worth_loading(found)}
        names = chosen(worth, self.section.versions or "latest")
        return [worth[name] for name in names if name not in self.withheld]

    def as_is(self, found: Found) -> bool:
        """Whether it serves as it is now."""
        return self.serving.get(found.name) == (found.stamp, self.section)


class Shelves:
    """Used on the event loop; disks are read on threads. `detecting` gives what tells whether a loader that a section
    allows knows a source. `unload` lets a version go, or with an empty name all of them; `prefer` has a version take
    the requests that name none."""

    def __init__(
        self,
        clock: Clock,
        detecting: Callable[[ModelConfig], Detects],
        load: Load,
        unload: Change,
        prefer: Change,
    ) -> None:
        self._now = clock.now
        self._detecting = detecting
        self._load = load
        self._unload = unload
        self._prefer = prefer
        self._shelves: dict[str, Shelf] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._shelves

    async def take(self, name: str, section: ModelConfig) -> bool:
        """Whether the model `name` with this section comes out of a repository; if so it is kept here from now on.
        Waits for what is being loaded out of it with another section."""
        detects = self._detecting(section)
        shelved = section.versions is not None or await asyncio.to_thread(is_repository, section.source, detects)
        repository = Repository(name, section.source, detects, section.artifact)
        while (shelf := self._shelves.get(name)) is not None and not (shelved and shelf.section == section):
            async with shelf.alone:  # what is loaded meanwhile is loaded, and written down, with the section before
                if self._shelves.get(name) is not shelf:
                    continue
                if shelved:
                    shelf.section, shelf.watch, shelf.repository = section, Watch(), repository
                else:
                    self.drop(name)
        if shelved and shelf is None:
            self._shelves[name] = Shelf(section, repository)
        return shelved

    def drop(self, name: str) -> None:
        """The model is not of a repository any more."""
        shelf = self._shelves.pop(name, None)
        if shelf is not None:
            shelf.active = False

    def section(self, name: str, config: ModelConfig) -> ModelConfig:
        """The section out of which `config`, that of a version of the model, came; itself if it is no repository's."""
        shelf = self._shelves.get(name)
        return config if shelf is None else _folded(config, shelf.section)

    def reconfigured(self, name: str, section: ModelConfig) -> None:
        """What serves of the model goes on with `section` already, and what is loaded from now on does too."""
        shelf = self._shelves.get(name)
        if shelf is not None and shelf.section != section:
            shelf.section = section
            shelf.serving = {version: (stamp, section) for version, (stamp, _) in shelf.serving.items()}

    def rows(self, name: str) -> Iterator[tuple[str, str]]:
        """Versions that are there, with the reason why they do not serve, if they do not."""
        shelf = self._shelves.get(name)
        if shelf is not None:
            for version, found in shelf.watch.known.items():
                yield version, found.problem or "it is not among the versions that are to be served"

    async def bring(self, name: str) -> None:
        """Look at the repository anew, and have those versions serve that are to. What has failed or was unloaded by
        hand is tried again. Raises LoadError with the first reason if a version fails, or if there is none; the others
        serve all the same."""
        shelf = self._shelves[name]
        async with shelf.alone:
            shelf.watch, shelf.active = Watch(), True
            shelf.withheld.clear()
            shelf.watch.begin(await asyncio.to_thread(shelf.repository.versions))
            shelf.next_look = self._now() + (shelf.section.poll_s or 0)
            failure = await self._make_so(name, shelf)
        if failure is not None:
            raise failure
        if not shelf.serving:
            raise LoadError(f"model '{name}' failed to load: {_nothing(shelf)}")

    async def put_away(self, name: str, version: str = "") -> None:
        """Unload a version, or all of the model, until it is brought again."""
        shelf = self._shelves[name]
        async with shelf.alone:
            if version:
                await self._unload(name, version)
                shelf.withheld.add(version)
                shelf.serving.pop(version, None)
            else:
                shelf.active = False
                await self._unload(name, "")
                shelf.serving.clear()

    def look(self) -> None:
        """At each heartbeat: begin to look at those repositories whose time has come."""
        for name, shelf in self._shelves.items():
            if shelf.section.poll_s is None or not shelf.active or shelf.task is not None:
                continue
            if self._now() >= shelf.next_look:
                shelf.task = asyncio.ensure_future(self._poll(name, shelf))

    async def stop(self) -> None:
        """Look at nothing any more."""
        tasks = [shelf.task for shelf in self._shelves.values() if shelf.task is not None]
        self._shelves.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll(self, name: str, shelf: Shelf) -> None:
        try:
            async with shelf.alone:
                await self._look_again(name, shelf)
            trouble = ""
        except JackfieldError as error:
            trouble = str(error)
        except Exception as error:
            log.exception("the repository could not be looked at", model=name)
            trouble = f"{type(error).__name__}: {error}"
        finally:
            shelf.task = None
            shelf.next_look = self._now() + (shelf.section.poll_s or 0)
        if trouble and trouble != shelf.trouble:  # once, not at each look
            log.error("the repository is left as it was", model=name, reason=trouble)
        shelf.trouble = trouble

    async def _look_again(self, name: str, shelf: Shelf) -> None:
        found = await asyncio.to_thread(shelf.repository.versions)
        if not shelf.active:
            return
        if shelf.watch.begun:
            shelf.watch.look(found)
        else:
            shelf.watch.begin(found)
        if not any(not one.problem for one in shelf.watch.known.values()) and shelf.serving:
            raise LoadError(
                f"the repository of model '{name}' has no version any more: what serves goes on, since a folder that "
                "is not mounted looks the same; unload the model if that is meant"
            )
        if not all(map(shelf.as_is, shelf.wanted())) or len(shelf.wanted()) != len(shelf.serving):
            await self._make_so(name, shelf)

    async def _make_so(self, name: str, shelf: Shelf) -> LoadError | None:
        """Load what is to serve, the latest first, and then let the others go. What fails is left alone, and the next
        one of those that are there may take its place. The first failure."""
        failure: LoadError | None = None
        while missing := [found for found in shelf.wanted() if not shelf.as_is(found)]:
            wanted = [found.name for found in shelf.wanted()]
            found = missing[-1]
            main = found.name == wanted[-1]
            config = shelf.section.model_copy(update={"source": found.source, "version": found.name})

            async def approve(found: Found = found) -> None:
                await _unchanged(shelf, found)

            try:
                await self._load(name, config, wanted if main else [], main, approve)
            except LoadError as error:
                log.error("version is left alone until its files change", model=name, version=found.name)
                failure = failure or error
                shelf.watch.failed(found.name, found.stamp)
                continue
            shelf.serving[found.name] = found.stamp, shelf.section
            if main:  # which has let the others go
                shelf.serving = {one: as_was for one, as_was in shelf.serving.items() if one in wanted}
        wanted = [found.name for found in shelf.wanted()]
        if wanted:  # or what serves goes on, since nothing can take its place
            await self._prefer(name, wanted[-1])
            for version in [one for one in shelf.serving if one not in wanted]:
                await self._unload(name, version)
                del shelf.serving[version]
        return failure


async def _unchanged(shelf: Shelf, found: Found) -> None:
    now = await asyncio.to_thread(shelf.repository.version, found.name)
    if now.stamp != found.stamp:
        raise LoadError("its files changed while they were read")


def _nothing(shelf: Shelf) -> str:
    problems = [f"version '{one.name}': {one.problem}" for one in shelf.watch.known.values() if one.problem]
    if problems:
        return "; ".join(problems[:3])
    policy = shelf.section.versions
    return "its repository has no version" + ("" if policy in (None, "latest", "all") else f" that {policy} names")


def _folded(config: ModelConfig, section: ModelConfig) -> ModelConfig:
    return config.model_copy(update={"source": section.source, "version": section.version})
