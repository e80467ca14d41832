"""The strict plugin manager: what cannot be loaded as it should stops the start with one sentence."""

from __future__ import annotations

import difflib
import inspect
import itertools
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from jackfield import hookspecs
from jackfield.errors import PluginError
from jackfield.plugins import API_VERSION
from jackfield.plugins.guard import guard

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
        return _described(self.name, self.distribution)


class Manager:
    """Plugins that were imported, checked and registered. Built at start; not thread-safe, not used afterwards."""

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self.plugins: list[Plugin] = []
        self._pluggy = pluggy.PluginManager("jackfield")
        self._pluggy.add_hookspecs(hookspecs)
        for plugin in plugins:
            self._register(plugin)

    def call(self, plugin: Plugin, hook: str) -> Mapping[str, Any]:
        """What `plugin` returns for `hook`; empty if it does not implement it. The only place that calls a hook.

        The function is called itself and not through pluggy, which would drop an answer of None in silence.
        """
        implementations = _implementations(getattr(self._pluggy.hook, hook), plugin)
        if not implementations:
            return {}
        with guard(plugin.described, f"hook '{hook}'"):
            answer: object = implementations[0]()
            if isinstance(answer, Mapping):
                answer = dict(answer)
            if inspect.iscoroutine(answer):
                answer.close()  # nobody awaits it, and Python would say so after our sentence
        who = f"{plugin.described}: hook '{hook}'"
        if not isinstance(answer, dict):
            raise PluginError(f"{who} must return a mapping from names to classes, not {_kind(answer)}")
        for name in answer:
            if not isinstance(name, str):
                raise PluginError(f"{who} must return a mapping from names to classes, not one with the key {name!r}")
            if not name or name != name.strip():
                raise PluginError(f"{who} returns the name '{name}', which is blank or padded")
        return answer

    def _register(self, plugin: Plugin) -> None:
        for known in self.plugins:
            if known.name == plugin.name:
                raise _same_name(plugin.name, plugin.distribution, known.distribution)
            if known.module is plugin.module:
                raise PluginError(f"{plugin.described} is the same module as {known.described}: disable one of the two")
        _check_api(plugin)
        try:
            self._pluggy.register(plugin.module, name=plugin.name)
            self._check_hooks(plugin)
            self._pluggy.check_pending()
        except pluggy.PluginValidationError as error:
            reason = str(error).splitlines()
            raise PluginError(
                f"{plugin.described} does not fit this API: {'; '.join(line.strip() for line in reason if line)}"
            ) from error
        except ValueError as error:
            raise PluginError(f"{plugin.described} cannot be registered: {' '.join(str(error).split())}") from error
        self.plugins.append(plugin)

    def _check_hooks(self, plugin: Plugin) -> None:
        """Refuse what pluggy would take without a word, and say more than it does of an unknown hook."""
        for caller in self._pluggy.get_hookcallers(plugin.module) or ():
            implementations = [i for i in caller.get_hookimpls() if i.plugin is plugin.module]
            who = f"{plugin.described}: hook '{caller.name}'"
            if not caller.has_spec():
                if all(i.optionalhook for i in implementations):
                    continue
                near = difflib.get_close_matches(caller.name, _hooks(), n=1)
                raise PluginError(
                    f"{plugin.described} implements hook '{caller.name}', which does not exist"
                    + (f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(_hooks())}")
                )
            if len(implementations) > 1:
                raise PluginError(f"{who} is implemented {len(implementations)} times in one plugin")
            if implementations[0].wrapper or implementations[0].hookwrapper:
                raise PluginError(f"{who} is a wrapper: a plugin speaks for itself only, so hooks are plain functions")
            if _asynchronous(implementations[0].function):
                raise PluginError(f"{who} is asynchronous: hooks are called at start, outside any event loop")
        for name, function in inspect.getmembers_static(plugin.module, _is_function):
            if name in _hooks() and not hasattr(function, "jackfield_impl"):
                raise PluginError(f"{plugin.described}: hook '{name}' is not marked with @hookimpl")


def discover(environ: Mapping[str, str] | None = None) -> Manager:
    """Import all plugins that are installed and allowed, sorted by name, and register them.

    `JACKFIELD_PLUGINS` (names, separated by commas; empty allows none) restricts to those, and a name in it that is
    not installed is an error. `JACKFIELD_DISABLE_PLUGINS` leaves those out, installed or not. A plugin that is left out
    is not imported. Raises PluginError.
    """
    env = os.environ if environ is None else environ
    allowed, denied = _names(env.get(ALLOW)), _names(env.get(DENY)) or set()
    found = sorted(entry_points(group=GROUP), key=lambda ep: (ep.name, _distribution(ep)[0], ep.value))
    if allowed is not None:
        for missing in sorted(allowed - {ep.name for ep in found}):
            raise PluginError(f"{ALLOW} names plugin '{missing}', which no installed distribution has")
    chosen = [ep for ep in found if ep.name not in denied and (allowed is None or ep.name in allowed)]
    for first, second in itertools.pairwise(chosen):
        if first.name == second.name:
            raise _same_name(first.name, _distribution(first)[0], _distribution(second)[0])
    return Manager(map(_import, chosen))


def _import(ep: EntryPoint) -> Plugin:
    distribution, version = _distribution(ep)
    who = _described(ep.name, distribution)
    with guard(who, "import"):
        module = ep.load()
        api = getattr(module, "jackfield_api", "")
    if not isinstance(api, str):  # 1.10 as a number would be 1.1
        raise PluginError(f'{who}: jackfield_api must be a string such as "{API_VERSION}", not {_kind(api)}')
    return Plugin(ep.name, distribution, version, api, module)


def _check_api(plugin: Plugin) -> None:
    if not plugin.api:
        raise PluginError(
            f'{plugin.described} does not state its API version: it needs jackfield_api = "{API_VERSION}"'
        )
    match = re.fullmatch(r"(\d+)\.(\d+)", plugin.api, re.ASCII)
    if match is None:
        raise PluginError(
            f"{plugin.described} states API version '{plugin.api}', which is not of the form \"{API_VERSION}\""
        )
    theirs = (int(match[1]), int(match[2]))
    ours = tuple(int(part) for part in API_VERSION.split("."))
    if theirs[0] != ours[0] or theirs > ours:
        raise PluginError(
            f"{plugin.described} was built for API version {plugin.api}, this is {API_VERSION}: "
            f"{'upgrade the plugin' if theirs < ours else 'upgrade jackfield'}"
        )


def _same_name(name: str, first: str, second: str) -> PluginError:
    return PluginError(
        f"{_described(name, first)} has the same name as that of distribution '{second}': "
        f"uninstall one, or keep both out with {DENY}={name}"
    )


def _implementations(caller: pluggy.HookCaller, plugin: Plugin) -> list[Callable[..., Any]]:
    return [i.function for i in caller.get_hookimpls() if i.plugin is plugin.module]


def _hooks() -> list[str]:
    return [name for name in vars(hookspecs) if name.startswith("jackfield_")]


def _is_function(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, staticmethod | classmethod)


def _asynchronous(function: object) -> bool:
    return (
        inspect.iscoroutinefunction(function)
        or inspect.isasyncgenfunction(function)
        or inspect.isgeneratorfunction(function)
    )


def _described(name: str, distribution: str) -> str:
    return f"plugin '{name}' of distribution '{distribution}'"


def _distribution(ep: EntryPoint) -> tuple[str, str]:
    if ep.dist is None:
        return "unknown", ""
    return ep.dist.name or "unknown", ep.dist.version or ""  # None where an uninstall has left half of the metadata


def _names(value: str | None) -> set[str] | None:
    return None if value is None else {name.strip() for name in value.split(",") if name.strip()}


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
