"""A server for tests: started, in this process, without sockets and without entry points."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

from jackfield.interfaces import Executor, Plug
from jackfield.plugins.registry import Registry
from jackfield.plugins.sockets import SOCKETS
from jackfield.server import Server
from jackfield.testing.plain import SCRIPTED, STAND_INS, scripted
from jackfield.testing.plugged import registry_of
from jackfield.testing.scripted import ScriptedExecutor

Plugins = Iterable[ModuleType | type[Plug]]

MODELS: Mapping[str, Any] = {"double": {"source": f"{SCRIPTED}double"}}
"""What is served if the configuration names no models: the small model of `make_request`, `y = 2x + 1`."""


@asynccontextmanager
async def serving(
    config: Mapping[str, Any] | None = None,
    plugins: Plugins = (),
    *,
    executor: Callable[[], Executor] = ScriptedExecutor,
    wait: bool = True,
) -> AsyncIterator[Server]:
    """A started server of `config`, with nothing installed but `plugins`.

    `plugins`: plugin modules; or classes, which are named after themselves (`SlowLog` is `slow-log`). What a server
    needs beyond that is plain: see `jackfield.testing.plain`. Models whose source begins with `scripted:` run what
    `executor` makes. `wait`: until every model is ready. Raises as `Server`; the server stops when the block ends.
    """
    given = {"models": MODELS, "endpoints": {}, "observers": {}, **dict(config or {})}
    server = Server(given, registry=registry_for(plugins, executor=executor))
    await server.start()
    try:
        if wait:
            await server.loaded()
        yield server
    finally:
        await server.stop()


def registry_for(plugins: Plugins = (), *, executor: Callable[[], Executor] = ScriptedExecutor) -> Registry:
    """The registry that `serving` serves from; for `create_app(config, registry=...)`. Raises PluginError."""
    modules = [plugin for plugin in plugins if isinstance(plugin, ModuleType)]
    sockets: dict[str, dict[str, type[Plug]]] = {}
    for plugin in plugins:
        if not isinstance(plugin, ModuleType):
            sockets.setdefault(_socket(plugin), {})[_name(plugin)] = plugin
    brought = registry_of(*modules, **sockets)
    for socket, stand_ins in {**STAND_INS, **scripted(executor)}.items():
        for name, cls in stand_ins.items():
            if name not in brought.socket(socket):
                sockets.setdefault(socket, {})[name] = cls
    return registry_of(*modules, **sockets)


def _socket(cls: type[Plug]) -> str:
    for socket in SOCKETS:
        if issubclass(cls, socket.base):
            return socket.name
    raise ValueError(f"class '{cls.__name__}' fills no socket: it must be a subclass of one of jackfield's interfaces")


def _name(cls: type[Plug]) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()
