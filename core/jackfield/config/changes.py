"""What of a configuration can be changed while it runs, and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jackfield.config.full import CORE_KEYS
from jackfield.config.load import load
from jackfield.config.models import Config, ModelConfig
from jackfield.config.plain import plain
from jackfield.errors import ConfigError
from jackfield.plugins.registry import Registry
from jackfield.plugins.sockets import SOCKETS

LIVE = frozenset(
    {
        *("batching", "scheduler", "queue", "router", "timeout_s", "max_timeout_s", "step_timeout_s", "update"),
        *("poll_s", "on_demand", "memory"),
    }
)
"""What of a model can be changed while requests wait and run. `update` is looked at by the next update only."""

_SELECTORS = {socket.name: socket.selector for socket in SOCKETS}


@dataclass(frozen=True, slots=True)
class Difference:
    """From one configuration to another. `live`: models that can be changed while they run, as they are to become;
    `rolled`: those that differ in more, of which another version must be loaded; `added` and `removed`: those that only
    one of the two has. `restart`: paths of all else that differs."""

    live: Mapping[str, ModelConfig]
    rolled: Mapping[str, ModelConfig]
    added: Mapping[str, ModelConfig]
    removed: tuple[str, ...]
    restart: tuple[str, ...]


def difference(old: Config, new: Config) -> Difference:
    """What must be done to get from `old` to `new`."""
    restart: list[str] = []
    before, after = plain(old), plain(new)
    for part in Config.model_fields:
        if part != "models":
            restart += [path for path in _paths(before[part], after[part], part) if not _is_of_keys(path, new)]
    differing = {n: one for n, one in new.models.items() if n in old.models and old.models[n] != one}
    rolled = {name: one for name, one in differing.items() if fixed(old.models[name], one)}
    live = {name: one for name, one in differing.items() if name not in rolled}
    added = {name: one for name, one in new.models.items() if name not in old.models}
    removed = tuple(name for name in old.models if name not in new.models)
    return Difference(live, rolled, added, removed, tuple(restart))


def _is_of_keys(path: str, new: Config) -> bool:
    """Whether the ring of keys has taken it up. To have no keys any more is another matter."""
    return new.server.keys is not None and f"{path}.".startswith("server.keys.")


def fixed(old: ModelConfig, new: ModelConfig) -> list[str]:
    """The keys in which they differ and that cannot be changed while the model runs."""
    return [key for key in ModelConfig.model_fields if key not in LIVE and getattr(old, key) != getattr(new, key)]


def changed(name: str, old: ModelConfig, changes: Mapping[str, Any], registry: Registry) -> ModelConfig:
    """As `merged`, where all that differs can be changed while the model runs. Raises ConfigError if it cannot."""
    new = merged(name, old, changes, registry)
    cannot = fixed(old, new)
    if cannot:
        raise ConfigError("\n".join(f"models.{name}.{key}: cannot be changed while the model runs" for key in cannot))
    return new


def merged(name: str, old: ModelConfig, changes: Mapping[str, Any], registry: Registry) -> ModelConfig:
    """`old`, the section of model `name`, with `changes`, which are of the same shape as that section.

    A key takes the place of what was there. In a section that a plugin fills the plugin's other options stay if it
    stays, and otherwise begin with their defaults; the core's own keys always stay. Raises ConfigError with a line for
    each problem.
    """
    data = plain(old)
    for key, value in changes.items():
        data[key] = _section(key, data[key], value) if key in _SELECTORS and data.get(key) is not None else value
    return load({"models": {name: data}}, registry).models[name]


def _section(key: str, before: Mapping[str, Any], value: Any) -> Any:
    selector = _SELECTORS[key]
    given = {selector: value} if isinstance(value, str) else value
    if not isinstance(given, Mapping):
        return value
    if given.get(selector, before[selector]) == before[selector]:
        return {**before, **given}
    core = CORE_KEYS[key].model_fields if key in CORE_KEYS else {}
    return {**{name: before[name] for name in core if name in before}, **given}


def _paths(before: Any, after: Any, path: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in {**before, **after}:
            if key in before and key in after:
                yield from _paths(before[key], after[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif before != after:
        yield path
