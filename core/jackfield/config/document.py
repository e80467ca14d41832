"""Configuration as plain data, with where each part of it came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

Path = tuple[str | int, ...]
"""Where something stands in the configuration: keys and positions, from the top."""

_LONGEST = 60
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: `where` as an error names it (`file.yaml:3`, `--set`), the folder that its paths are
    relative to, and, if an environment variable went into it, `raw`, how it was written."""

    where: str
    base: FilePath
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, at one place."""

    path: Path
    text: str


@dataclass(slots=True)
class Document:
    """What was read. `secrets` holds, by path, what environment variables had put in: never to be shown."""

    data: Any
    origins: dict[Path, Origin]
    problems: list[Problem] = field(default_factory=list)
    secrets: dict[Path, tuple[str, ...]] = field(default_factory=dict)

    def origin(self, path: Path) -> Origin:
        """Of the value at `path`, or of the nearest section around it. The one at the top is always there."""
        return self.origins[self._nearest(path)]

    def has(self, path: Path) -> bool:
        """Whether anything stands at `path`, be it null."""
        return self._look_up(path) is not _NOTHING

    def value(self, path: Path) -> Any:
        """The value at `path`; None if there is none."""
        value = self._look_up(path)
        return None if value is _NOTHING else value

    def given(self, path: Path) -> str:
        """The value at `path` as an error may show it: shortened, and as it was written if it has an environment
        variable in it."""
        origin = self.origins.get(path)
        if origin is not None and origin.raw is not None:
            return shortened(origin.raw)
        return shown(self.value(path))

    def _look_up(self, path: Path) -> Any:
        value: Any = self.data
        for part in path:
            inside = (
                part in value if isinstance(value, Mapping) else part in range(len(value)) if _listed(value) else False
            )
            if not inside:
                return _NOTHING
            value = value[part]
        return value

    def lines(self, problems: Iterable[Problem]) -> list[str]:
        """One line for each problem, in the order in which the configuration has their places."""
        order = {path: number for number, path in enumerate(self.origins)}
        return [self._line(one) for one in sorted(problems, key=lambda one: order[self._nearest(one.path)])]

    def _line(self, problem: Problem) -> str:
        parts = [self.origin(problem.path).where, dotted(problem.path), problem.text]
        return ": ".join(part for part in parts if part)

    def _nearest(self, path: Path) -> Path:
        while path not in self.origins:
            path = path[:-1]
        return path


def dotted(path: Path) -> str:
    """`("models", "m", "rows", 0)` as `models.m.rows[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{shortened(part)}"
    return text.removeprefix(".")


def shown(value: Any) -> str:
    """A value for an error: the way it is written in YAML for simple ones, the kind of it for the others."""
    if isinstance(value, str):
        return f"'{shortened(value)}'"
    if value is None or isinstance(value, bool | int | float):
        return shortened(json.dumps(value))
    if isinstance(value, Mapping):
        return "a section"
    return "a list" if _listed(value) else f"a value of type {type(value).__name__}"


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple)


def shortened(text: str) -> str:
    """On one line, and not too long of one."""
    line = text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."
