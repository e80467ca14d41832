"""All architectures that are installed, ours among them, by the names that checkpoints give them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from jackfield.errors import LoadError
from jackfield_plugins.generation.architectures.architecture import Architecture
from jackfield_plugins.generation.architectures.folder_architecture import FolderArchitecture

GROUP = "jackfield.architectures"

Known = Architecture | FolderArchitecture
K = TypeVar("K", bound=Known)


def known() -> list[Known]:
    """What the entry points of the group name, sorted by name.

    Raises LoadError if one cannot be imported, is no architecture, or takes a name that another has.
    """
    found: list[Known] = []
    owners: dict[str, str] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, _distribution(entry))):
        architecture = _loaded(entry)
        for name in (architecture.name, *architecture.models):
            owner = f"'{entry.name}' of distribution '{_distribution(entry)}'"
            if name in owners:
                raise LoadError(
                    f"architecture {owner} and architecture {owners[name]} both stand for '{name}': remove one"
                )
            owners[name] = owner
        found.append(architecture)
    return found


def of_gguf(name: str, source: str) -> Architecture:
    """The architecture that GGUF calls `name`; raises LoadError naming `source` if there is none."""
    decoders = [one for one in known() if isinstance(one, Architecture)]
    return _first(decoders, lambda one: one.name == name, name, source, lambda one: [one.name])


def of_models(names: Iterable[str], source: str) -> Known:
    """The architecture of one of `names`, from config.json; raises LoadError naming `source` if there is none."""
    listed = list(names)
    text = ", ".join(listed)
    return _first(known(), lambda one: any(n in one.models for n in listed), text, source, lambda one: list(one.models))


def _first(
    all_: list[K],
    fits: Callable[[K], bool],
    name: str,
    source: str,
    shown: Callable[[K], list[str]],
) -> K:
    for one in all_:
        if fits(one):
            return one
    names = ", ".join(f"'{name}'" for one in all_ for name in shown(one))
    raise LoadError(f"'{source}' is of the architecture '{name}', and only these are known: {names}")


def _loaded(entry: EntryPoint) -> Known:
    about = f"architecture '{entry.name}' of distribution '{_distribution(entry)}'"
    try:
        value = entry.load()
    except Exception as error:
        text = (str(error).splitlines() or [""])[0]
        raise LoadError(f"{about}: import raised {type(error).__name__}: {text}") from error
    if not isinstance(value, Architecture | FolderArchitecture):
        raise LoadError(
            f"{about} must be an Architecture or FolderArchitecture, not a value of type {type(value).__name__}"
        )
    return value


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "?"
