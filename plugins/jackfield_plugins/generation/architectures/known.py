"""All architectures that are installed, ours among them, by the names that checkpoints give them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from jackfield.errors import LoadError
from jackfield_plugins.generation.architectures.architecture import Architecture
from jackfield_plugins.generation.architectures.folder_architecture import FolderArchitecture

GROUP = "jackfield.architectures"

Known = Architecture | FolderArchitecture


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
    for one in decoders:
        if one.name == name:
            return one
    names = ", ".join(f"'{one.name}'" for one in decoders)
    raise LoadError(f"'{source}' is of the architecture '{name}', and only these are known in GGUF: {names}")


def of_models(names: Iterable[str]) -> Known | None:
    """The architecture of one of `names`, from config.json; None if there is none."""
    listed = set(names)
    return next((one for one in known() if listed.intersection(one.models)), None)


def model_names() -> str:
    """What config.json may call an architecture that is known, for people."""
    return ", ".join(f"'{name}'" for one in known() for name in one.models)


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
