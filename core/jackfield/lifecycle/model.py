"""A model: a name, its versions, and which of them takes a request that names none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from jackfield.config.models import ModelConfig
from jackfield.engine.bisect import public
from jackfield.errors import JackfieldError, NotFound, Unavailable
from jackfield.lifecycle.statistics import Statistics
from jackfield.lifecycle.trial import Trial
from jackfield.lifecycle.version import Version
from jackfield.work import Request

_MOST_FAILED = 8  # versions whose failure is still shown


class Model:
    """Used on the event loop. Whoever changes it holds `alone`.

    `versions` can be asked for by name, and `main` takes the requests that name none. `arriving` is being loaded beside
    them, and those of `leaving` still answer what they accepted. `failed` are the last that could not take their place,
    by name, and `unloaded` is what was there last if nothing is. `past` counts what versions did that are gone. While
    there is a `trial`, it says which version takes a request that names none, and `arriving` can be asked for by name.
    While it has no version, `absence` is what requests are told that may come again later, and `due` says that it ought
    to have one.
    """

    def __init__(self, name: str, config: ModelConfig) -> None:
        self.name = name
        self.config = config
        self.alone = asyncio.Lock()
        self.main: Version | None = None
        self.versions: dict[str, Version] = {}
        self.arriving: Version | None = None
        self.leaving: list[Version] = []
        self.failed: dict[str, Version] = {}
        self.unloaded: Version | None = None
        self.trial: Trial | None = None
        self.past = Statistics()
        self.due = False
        self.absence = ""

    @property
    def ready(self) -> bool:
        """Whether a request that names no version is taken."""
        return self.main is not None and self.main.ready

    @property
    def wanted(self) -> bool:
        """Whether it ought to be ready: it is not if it was unloaded, or could never be loaded beside the others."""
        return self.main is not None or self.due

    @property
    def all(self) -> Iterator[Version]:
        """All that hold anything of the machine."""
        if self.arriving is not None:
            yield self.arriving
        yield from self.versions.values()
        yield from self.leaving

    @property
    def shown(self) -> list[Version]:
        """One of each name, for whoever lists them: what can be asked for stands before what comes, goes, or failed."""
        found = dict(self.versions)
        for version in (self.arriving, *self.leaving, *self.failed.values(), self.unloaded):
            if version is not None:
                found.setdefault(version.name, version)
        return list(found.values())

    def version(self, name: str = "") -> Version:
        """The version by its name, the main one for an empty name; raises NotFound, or Unavailable if there is none
        because it could not be loaded."""
        version = self.versions.get(name) if name else self.main
        if version is None and self.trial is not None and name == self.trial.new.name:
            version = self.trial.new
        if version is None:
            raise self._absence(name)
        return version

    def choose(self, request: Request) -> Version:
        """Which takes `request`; raises as `version`."""
        version = self.version(request.version)
        return version if self.trial is None or request.version else self.trial.choose(version)

    def counts(self, name: str) -> Statistics | None:
        """The ledger of version `name`, which a new one of this name goes on with."""
        return next((version.statistics for version in self.all if version.name == name), None)

    def fell(self, version: Version) -> None:
        """`version` will not take its place."""
        if version is self.arriving:
            self.arriving = None
        self.failed.pop(version.name, None)
        self.failed[version.name] = version
        while len(self.failed) > _MOST_FAILED:
            del self.failed[next(iter(self.failed))]
        self._left(version)

    def serve(self, version: Version, *, main: bool) -> None:
        """`version` can be asked for from now on, and with `main` takes the requests that name none."""
        if version is self.arriving:
            self.arriving = None
        self.versions.pop(version.name, None)  # the last to come stands last
        self.versions[version.name] = version
        self.failed.pop(version.name, None)
        self.unloaded = None
        if main:
            self.main = version

    def let_go(self, version: Version) -> None:
        """`version` gets no requests from now on: if it was the main one, the last of the others that is ready is."""
        if self.versions.get(version.name) is version:
            del self.versions[version.name]
        if version is self.main:
            self.main = next((one for one in reversed(self.versions.values()) if one.ready), None)
        self.leaving.append(version)

    def gone(self, version: Version) -> None:
        """`version`, which was let go, has ended."""
        self.leaving.remove(version)
        if not self.versions:
            self.unloaded = version
        self._left(version)

    def _left(self, version: Version) -> None:
        counts, version.statistics = version.statistics, Statistics()
        if not any(other.statistics is counts for other in self.all):
            self.past.add(counts)

    def _absence(self, name: str) -> JackfieldError:
        if self.absence and not self.versions:
            return Unavailable(self.absence)
        failed = self.failed.get(name) if name else next(reversed(self.failed.values()), None)
        if failed is not None and (name or not self.unloaded):
            return Unavailable(failed.unready)
        if not self.versions:
            return NotFound(f"Request for unknown model: '{self.name}' is not found: it is not loaded")
        known = ", ".join(f"'{n}'" for n in self.versions)
        what = f"version '{public(name)}' is not found" if name else "no version takes requests that name none"
        return NotFound(f"Request for unknown model: '{self.name}' {what}; there is {known}")
