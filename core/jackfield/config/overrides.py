"""`path=value`: single values on top of a configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any

from jackfield.config.document import Document, Origin, Path, Problem, dotted, shortened
from jackfield.config.reading import parse
from jackfield.errors import ConfigError
from jackfield.plugins.sockets import SOCKETS

WHERE = "--set"
_SELECTORS = {socket.name: socket.selector for socket in SOCKETS}


def override(document: Document, overrides: Iterable[str], environ: Mapping[str, str]) -> None:
    """Put `overrides` into `document`, the later ones on top. What is wrong with them is added to its problems."""
    for text in overrides:
        left, equals, right = text.partition("=")
        parts = left.strip().split(".")
        if not equals or not all(parts):
            document.origins[(WHERE,)] = Origin("", FilePath.cwd())
            document.problems.append(
                Problem((WHERE,), f"got '{shortened(text)}', expected path=value, such as server.port=9000")
            )
            continue
        _one(document, parts, right, environ)


def _one(document: Document, parts: list[str], text: str, environ: Mapping[str, str]) -> None:
    path = _place(document, parts)
    if path is None:
        return
    try:
        read = parse(text, lambda _: WHERE, FilePath.cwd(), environ)
    except ConfigError as error:
        document.origins[path] = Origin(WHERE, FilePath.cwd())
        document.problems.append(Problem(path, str(error).removeprefix(f"{WHERE}: ")))
        return
    for known in [known for known in document.origins if known[: len(path)] == path]:
        del document.origins[known]
        document.secrets.pop(known, None)
    document.value(path[:-1])[path[-1]] = read.data
    document.origins.update({path + place: origin for place, origin in read.origins.items()})
    document.secrets.update({path + place: values for place, values in read.secrets.items()})
    document.problems += [Problem(path + problem.path, problem.text) for problem in read.problems]


def _place(document: Document, parts: list[str]) -> Path | None:
    """The path that `parts` mean, with all sections on the way there made. Keys may have dots in them."""
    path: Path = ()
    section: Any = document.data
    rest = parts
    while True:
        key, rest = _key(section, rest)
        path = (*path, key)
        if not rest:
            return path
        if section.get(key) is None:
            section[key] = {}
            document.origins[path] = Origin(WHERE, FilePath.cwd())
        elif isinstance(section[key], str) and len(path) == 3 and path[0] == "models" and key in _SELECTORS:
            section[key] = {_SELECTORS[key]: section[key]}  # the short form, which names only the plugin
        section = section[key]
        if not isinstance(section, dict):
            document.problems.append(
                Problem(path, f"{WHERE} {'.'.join(parts)}: '{dotted(path)}' is {document.given(path)}, not a section")
            )
            return None


def _key(section: dict[str, Any], parts: list[str]) -> tuple[str, list[str]]:
    """The longest key of `section` that `parts` begin with, and the parts after it."""
    for length in range(len(parts), 1, -1):
        name = ".".join(parts[:length])
        if name in section:
            return name, parts[length:]
    return parts[0], parts[1:]
