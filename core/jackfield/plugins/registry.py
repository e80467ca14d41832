"""The registry: what fills each socket, by the name that the configuration uses."""

from __future__ import annotations

import copy
import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from jackfield.errors import PluginError
from jackfield.interfaces import Plug
from jackfield.options import Options
from jackfield.plugins.guard import guard
from jackfield.plugins.manager import Manager, Plugin, discover
from jackfield.plugins.sockets import SOCKETS, Socket


@dataclass(frozen=True, slots=True)
class Entry:
    """One plugin class in its socket. `unavailable` is the reason why it cannot be used here, or None."""

    socket: str
    name: str
    cls: type[Plug]
    plugin: Plugin
    unavailable: str | None


class Registry:
    """All entries. Immutable after it was built, so thread-safe."""

    def __init__(self, manager: Manager) -> None:
        self.plugins: tuple[Plugin, ...] = tuple(manager.plugins)
        self._entries = {socket.name: _entries(manager, socket) for socket in SOCKETS}
        commands, owners = _commands(manager)
        self.commands: Mapping[str, Any] = MappingProxyType(commands)
        self.command_owners: Mapping[str, Plugin] = MappingProxyType(owners)

    @classmethod
    def installed(cls) -> Registry:
        """The registry of everything that is installed and allowed. Raises PluginError."""
        return cls(discover())

    def judged(self, socket: str, reason: Callable[[type[Any]], str | None]) -> Registry:
        """The same, but what fills `socket` is unavailable for `reason` and for nothing else. For commands that need
        less of a plugin than serving does."""
        other = copy.copy(self)
        entries = {name: replace(one, unavailable=reason(one.cls)) for name, one in self._entries[socket].items()}
        other._entries = {**self._entries, socket: entries}
        return other

    def __iter__(self) -> Iterator[Entry]:
        for entries in self._entries.values():
            yield from entries.values()

    def socket(self, socket: str) -> Mapping[str, Entry]:
        """The entries of one socket by name, sorted by name."""
        return MappingProxyType(self._entries[socket])

    def get(self, socket: str, name: str) -> type[Any]:
        """The class by its name; raises PluginError if it is unknown (with the nearest name) or unavailable."""
        entry = self._entries[socket].get(name)
        if entry is None:
            raise PluginError(f"there is no {socket} '{name}'{self.hint(socket, name)}")
        if entry.unavailable is not None:
            raise PluginError(
                f"{socket} '{name}' of distribution '{entry.plugin.distribution}' is not available here: "
                f"{entry.unavailable}"
            )
        return entry.cls

    def hint(self, socket: str, name: str) -> str:
        """A clause that says which names there are, nearest first."""
        names = sorted(self._entries[socket])
        near = difflib.get_close_matches(name, names, n=1)
        known = ", ".join(f"'{n}'" for n in names) or "none"
        return f"; did you mean '{near[0]}'? (known: {known})" if near else f"; known: {known}"


def _entries(manager: Manager, socket: Socket) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for plugin in manager.plugins:
        for name, cls in manager.call(plugin, socket.hook).items():
            entry = _checked(socket, name, cls, plugin)
            taken = entries.setdefault(name, entry)
            if taken is not entry:
                raise _taken(plugin, taken.plugin, f"{socket.name} '{name}'")
    return dict(sorted(entries.items()))


def _commands(manager: Manager) -> tuple[dict[str, Any], dict[str, Plugin]]:
    import click

    commands: dict[str, Any] = {}
    owners: dict[str, Plugin] = {}
    for plugin in manager.plugins:
        for name, command in manager.call(plugin, "jackfield_commands").items():
            if not isinstance(command, click.Command):
                raise PluginError(f"{plugin.described}: command '{name}' must be a click.Command, not {_kind(command)}")
            if name in owners:
                raise _taken(plugin, owners[name], f"command '{name}'")
            commands[name], owners[name] = command, plugin
    return dict(sorted(commands.items())), owners


def _checked(socket: Socket, name: str, cls: object, plugin: Plugin) -> Entry:
    where = f"{plugin.described}: {socket.name} '{name}'"
    if not (isinstance(cls, type) and issubclass(cls, socket.base)):
        raise PluginError(f"{where} must be a subclass of jackfield.{socket.base.__name__}, not {_kind(cls)}")
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
        raise PluginError(f"{where} does not implement {missing}")
    if not (isinstance(cls.options, type) and issubclass(cls.options, Options)):
        raise PluginError(f"{where}: its `options` must be a subclass of jackfield.Options, not {_kind(cls.options)}")
    with guard(where, "unavailable()"):
        reason: object = cls.unavailable()
    if reason is not None and not (isinstance(reason, str) and reason):
        raise PluginError(f"{where}: unavailable() must return a reason or None, not {_kind(reason)}")
    return Entry(socket.name, name, cls, plugin, reason)


def _taken(plugin: Plugin, owner: Plugin, what: str) -> PluginError:
    return PluginError(f"{plugin.described} and {owner.described} both bring {what}: disable one of the two plugins")


def _kind(value: object) -> str:
    if isinstance(value, str) and not value:
        return "an empty text"
    return f"class {value.__name__}" if isinstance(value, type) else f"a value of type {type(value).__name__}"
