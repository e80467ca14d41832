"""A registry out of classes, without entry points: what a test wants to be installed."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

from jackfield.interfaces import Plug
from jackfield.plugins import API_VERSION, hookimpl
from jackfield.plugins.manager import Manager, Plugin
from jackfield.plugins.registry import Registry
from jackfield.plugins.sockets import SOCKETS


def registry_of(*modules: ModuleType, **sockets: Mapping[str, type[Plug]]) -> Registry:
    """The registry of plugin `modules` and of classes by socket and name.

    `registry_of(jackfield_plugins.routing, loader={"mine": MyLoader})`. They pass the same checks as plugins that are
    installed. Raises PluginError.
    """
    plugins = [_plugin(module.__name__, module) for module in modules]
    if sockets:
        plugins.append(_plugin("classes of a test", _announcing(sockets)))
    return Registry(Manager(plugins))


def _plugin(name: str, module: Any) -> Plugin:
    return Plugin(name, "jackfield.testing", "0", getattr(module, "jackfield_api", ""), module)


def _announcing(sockets: Mapping[str, Mapping[str, type[Plug]]]) -> SimpleNamespace:
    hooks = {socket.name: socket.hook for socket in SOCKETS}
    for name in sockets:
        if name not in hooks:
            raise ValueError(f"there is no socket '{name}'; there are {', '.join(hooks)}")
    module = SimpleNamespace(jackfield_api=API_VERSION)
    for name, classes in sockets.items():
        setattr(module, hooks[name], _hook(dict(classes)))
    return module


def _hook(classes: Mapping[str, type[Plug]]) -> Any:
    @hookimpl
    def hook() -> Mapping[str, type[Plug]]:
        return classes

    return hook
