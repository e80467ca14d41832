"""The strict plugin manager: what cannot be loaded as it should stops the start with one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from jackfield import hookspecs
from jackfield.errors import PluginError
from jackfield.plugins import API_VERSION

GROUP = "jackfield"
ALLOW = "JACKFIELD_PLUGINS"
DENY = "JACKFIELD_DISABLE_PLUGINS"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin as it was found: the entry point's name, its distribution, and the API version that it states."""

    name: str
    distribution: str
    version: str
    api: str
    module: Any

    @property
    def described(self) -> str:
        """How an error names it."""
        return f"plugin '{self.name}' of distribution '{self.distribution}'"


class Manager:
    """Plugins that were imported, checked and registered. Built at start; not thread-safe, not used afterwards."""

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self.plugins: list[Plugin] = []
        self._pluggy = pluggy.PluginManager("jackfield")
        self._pluggy.add_hookspecs(hookspecs)
        for plugin in plugins:
            self._register(plugin)

    def call(self, plugin: Plugin, hook: str) -> Mapping[str, Any]:
        """What `plugin` returns for `hook`; empty if it does not implement it. The only place that calls a hook."""
        caller = getattr(self._pluggy.hook, hook)
        others = [p.module for p in self.plugins if p is not plugin]
        try:
            answers = self._pluggy.subset_hook_caller(caller.name, remove_plugins=others)()
        except Exception as error:
            raise PluginError(f"{plugin.described}: hook '{hook}' raised {_told(error)}") from error
        if not answers:
            return {}
        answer = answers[0]
        if not isinstance(answer, Mapping) or not all(isinstance(key, str) for key in answer):
            raise PluginError(
                f"{plugin.described}: hook '{hook}' must return a mapping from names to classes, not "
                f"{type(answer).__name__}"
            )
        return answer

    def _register(self, plugin: Plugin) -> None:
        for known in self.plugins:
            if known.name == plugin.name:
                raise PluginError(
                    f"{plugin.described} has the same name as that of distribution '{known.distribution}': "
                    f"uninstall one, or keep both out with {DENY}={plugin.name}"
                )
        _check_api(plugin)
        try:
            self._pluggy.register(plugin.module, name=plugin.name)
            self._pluggy.check_pending()
        except pluggy.PluginValidationError as error:
            reason = str(error).splitlines()
            raise PluginError(
                f"{plugin.described} does not fit this API: {'; '.join(line.strip() for line in reason if line)}"
            ) from error
        except ValueError as error:
            raise PluginError(f"{plugin.described} cannot be registered: {error}") from error
        self.plugins.append(plugin)


def discover(environ: Mapping[str, str] | None = None) -> Manager:
    """Import all plugins that are installed and allowed, sorted by name, and register them.

    `JACKFIELD_PLUGINS` (names, separated by commas) restricts to those, `JACKFIELD_DISABLE_PLUGINS` leaves those out;
    a name in the first that is not installed is an error. Raises PluginError.
    """
    env = os.environ if environ is None else environ
    allowed, denied = _names(env.get(ALLOW)), _names(env.get(DENY)) or set()
    found = sorted(entry_points(group=GROUP), key=lambda ep: (ep.name, _distribution(ep)[0]))
    if allowed is not None:
        for missing in sorted(allowed - {ep.name for ep in found}):
            raise PluginError(f"{ALLOW} names plugin '{missing}', which no installed distribution has")
    chosen = [ep for ep in found if ep.name not in denied and (allowed is None or ep.name in allowed)]
    for first, second in zip(chosen, chosen[1:], strict=False):
        if first.name == second.name and _distribution(first) != _distribution(second):
            raise PluginError(
                f"plugin '{first.name}' of distribution '{_distribution(first)[0]}' has the same name as that of "
                f"distribution '{_distribution(second)[0]}': uninstall one, or keep both out with {DENY}={first.name}"
            )
    unique = {ep.name: ep for ep in chosen}
    return Manager(_import(ep) for ep in unique.values())


def _import(ep: EntryPoint) -> Plugin:
    distribution, version = _distribution(ep)
    try:
        module = ep.load()
    except Exception as error:
        raise PluginError(
            f"plugin '{ep.name}' of distribution '{distribution}' failed at import: {_told(error)}"
        ) from error
    return Plugin(ep.name, distribution, version, str(getattr(module, "jackfield_api", "")), module)


def _check_api(plugin: Plugin) -> None:
    if not plugin.api:
        raise PluginError(
            f"{plugin.described} does not state its API version: it needs jackfield_api = \"{API_VERSION}\""
        )
    try:
        major, minor = (int(part) for part in plugin.api.split("."))
    except ValueError:
        raise PluginError(
            f"{plugin.described} states API version '{plugin.api}', which is not of the form \"{API_VERSION}\""
        ) from None
    ours_major, ours_minor = (int(part) for part in API_VERSION.split("."))
    if major != ours_major or minor > ours_minor:
        raise PluginError(
            f"{plugin.described} was built for API version {plugin.api}, this is {API_VERSION}: "
            f"{'upgrade the plugin' if (major, minor) < (ours_major, ours_minor) else 'upgrade jackfield'}"
        )


def _distribution(ep: EntryPoint) -> tuple[str, str]:
    return (ep.dist.name, ep.dist.version) if ep.dist is not None else ("unknown", "")


def _names(value: str | None) -> set[str] | None:
    return None if value is None else {name.strip() for name in value.split(",") if name.strip()}


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
