"""The model of the whole configuration, built for the plugins of one registry."""

from __future__ import annotations

from typing import Annotated, Any
from weakref import WeakKeyDictionary

from pydantic import Field, create_model

from jackfield.config.models import Config, LogConfig, ModelSettings, QueueConfig, Section, ServerConfig
from jackfield.config.sections import Filled, Named
from jackfield.config.values import Label
from jackfield.errors import PluginError
from jackfield.options import Options
from jackfield.plugins.registry import Registry
from jackfield.plugins.sockets import SOCKETS, Socket

_BY_NAME = {socket.name: socket for socket in SOCKETS}
_DEFAULT_ENDPOINTS = ("open-inference", "openai", "metrics")
_DEFAULT_OBSERVERS = ("prometheus", "access-log")
_SECTIONS = {
    "loader": "How the source is opened. By default the one loader that detects it.",
    "backend": "What runs the model. By default the first available backend that accepts what the loader gives.",
    "batching": "Which requests form the next step, and when.",
    "scheduler": "The order in which waiting requests are offered, and how many may wait.",
    "router": "Which replica takes a request.",
    "placement": "Where a replica lives.",
}
CORE_KEYS: dict[str, type[Options]] = {"scheduler": QueueConfig}
"""Keys of the core's own that stand in a plugin's section."""


_BUILT: WeakKeyDictionary[Registry, type[Options]] = WeakKeyDictionary()


def full_model(registry: Registry) -> type[Options]:
    """The model that validates everything at once. Raises PluginError if a plugin's options do not fit in.

    Built once for a registry: that takes five milliseconds, in which no other thread runs, and a server that serves
    reads its configuration again with each update."""
    found = _BUILT.get(registry)
    if found is None:
        found = _BUILT[registry] = _built(registry)
    return found


def _built(registry: Registry) -> type[Options]:
    _refuse_clashes(registry)
    sections: dict[str, Any] = {}
    for name, description in _SECTIONS.items():
        socket = _BY_NAME[name]
        core = CORE_KEYS.get(name)
        filled: Any = Annotated[Any if core else Section, Filled(socket, registry.socket(name), core)]
        if socket.default:
            extra: dict[str, Any] = {"default": socket.default}  # which is what an empty section means
            default = Field({}, description=description, validate_default=True, json_schema_extra=extra)
            sections[name] = (filled, default)
        else:
            sections[name] = (filled | None, Field(default=None, description=description))
    model = create_model(
        "ModelConfig", __base__=ModelSettings, __doc__="One model, and what fills its sockets.", **sections
    )
    fields: dict[str, Any] = {
        "server": (ServerConfig, Field(ServerConfig(), description=_description("server"))),
        "models": (dict[Label, model], Field({}, description=_description("models"))),  # type: ignore[valid-type]
        "endpoints": _named(registry, "endpoints", _BY_NAME["endpoint"], _DEFAULT_ENDPOINTS),
        "observers": _named(registry, "observers", _BY_NAME["observer"], _DEFAULT_OBSERVERS),
        "log": (LogConfig, Field(LogConfig(), description=_description("log"))),
    }
    return create_model("Config", __base__=Options, __doc__=Config.__doc__, **fields)


def _named(registry: Registry, key: str, socket: Socket, defaults: tuple[str, ...]) -> Any:
    entries = registry.socket(socket.name)
    kind: Any = Annotated[dict[str, Options], Named(socket, entries)]
    present = [name for name in defaults if name in entries and entries[name].unavailable is None]
    names = " and ".join(f"`{name}`" for name in defaults)
    return kind, Field(
        default_factory=lambda: {name: {} for name in present},
        validate_default=True,
        description=f"{_description(key)} By default {names}, as far as they are installed.",
    )


def _description(key: str) -> str:
    return Config.model_fields[key].description or ""


def _refuse_clashes(registry: Registry) -> None:
    for name in _SECTIONS:
        reserved = {_BY_NAME[name].selector}
        if name in CORE_KEYS:
            reserved |= CORE_KEYS[name].model_fields.keys()
        for entry in registry.socket(name).values():
            fields = entry.cls.options.model_fields
            taken = reserved & {field.alias or key for key, field in fields.items()}
            if taken:
                raise PluginError(
                    f"{entry.plugin.described}: the options of {name} '{entry.name}' have a key '{min(taken)}', which "
                    "the section needs for itself"
                )
