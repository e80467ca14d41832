"""Reading a folder of versions: their names, what is to be opened in each, and what its files are like.

A repository is written to by others while it is read, and perhaps by somebody who means harm: every name is checked, no
link may lead out of it, and nothing that is found is believed to be there a moment later.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jackfield.config.values import LABEL, LONGEST_LABEL
from jackfield.errors import LoadError
from jackfield.repository.naming import is_number

Detects = Callable[[str], bool]
"""Whether a loader knows a source."""

MOST_VERSIONS = 1024
MOST_FILES = 10_000
_NAME = re.compile(LABEL)
_HIDDEN = (".", "_")

Stamp = tuple[tuple[str, int, int, int], ...]
"""Of each file its path, size, time of change in nanoseconds, and number: what changes when a file does."""


@dataclass(frozen=True, slots=True)
class Found:
    """A version in the repository. `problem` says why it cannot be served; else `source` is what to open, and `size`
    how many bytes its files have."""

    name: str
    source: str = ""
    stamp: Stamp = ()
    problem: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for _, size, _, _ in self.stamp)


class Repository:
    """The folder at `source`, for model `model`. Its methods touch the disk: call them on threads.

    `detects` tells what a loader knows. `artifact` is what to open in each version's folder; None: to be found out.
    """

    def __init__(self, model: str, source: str, detects: Detects, artifact: str | None = None) -> None:
        self._model = model
        self._root = Path(source)
        self._detects = detects
        self._artifact = artifact

    def versions(self) -> dict[str, Found]:
        """What is there now, by name. Raises LoadError if the folder cannot be read or has too many entries."""
        found: dict[str, Found] = {}
        try:
            root = _real(self._root)
            for name in sorted(_folders(root)):
                if len(found) >= MOST_VERSIONS:
                    raise LoadError(f"the repository of model '{self._model}' has more than {MOST_VERSIONS} versions")
                found[name] = self._found(root, name)
        except OSError as error:
            raise LoadError(
                f"the repository '{self._root}' of model '{self._model}' cannot be read: {error.strerror or error}"
            ) from None
        return found

    def version(self, name: str) -> Found:
        """What is there now of the version `name`, which need not be there at all. Raises LoadError if the folder
        cannot be read."""
        problem = name_problem(name)
        if problem:
            return Found(name, problem=problem)
        try:
            root = _real(self._root)
        except OSError as error:
            raise LoadError(
                f"the repository '{self._root}' of model '{self._model}' cannot be read: {error.strerror or error}"
            ) from None
        return self._found(root, name)

    def _found(self, root: Path, name: str) -> Found:
        problem = name_problem(name)
        if problem:
            return Found(name, problem=problem)
        folder = root / name
        try:
            if not folder.is_dir():
                return Found(name, problem="it has no folder in the repository")
            stamp = _stamp(root, folder)
            source = self._source(root, folder)
        except _Refused as refusal:
            return Found(name, problem=str(refusal))
        except OSError as error:  # it changes while it is read, or is not ours to read
            return Found(name, problem=f"its folder cannot be read: {error.strerror or type(error).__name__}")
        return Found(name, source, stamp)

    def _source(self, root: Path, folder: Path) -> str:
        if self._artifact is not None:
            file, colon, rest = self._artifact.partition(":")
            path = folder / file
            if not path.exists():
                raise _Refused(f"its folder has no '{file}', which `artifact` names")
            _keep_within(root, path)
            return f"{path}{colon}{rest}"
        if self._detects(str(folder)):
            return str(folder)
        entries = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(_HIDDEN)]
        known = [entry for entry in entries if self._detects(str(entry))]
        if len(known) == 1:
            return str(known[0])
        if known:
            names = " and ".join(f"'{entry.name}'" for entry in known[:3])
            raise _Refused(f"its folder holds {names}: name one of them with `artifact:`")
        if len(entries) == 1:  # for the loader to say what is wrong with it
            return str(entries[0])
        raise _Refused("no loader knows its folder, or any one thing in it: name it with `artifact:`")


class _Refused(Exception):
    """A version that is not to be served."""


def is_repository(source: str, detects: Detects) -> bool:
    """Whether `source`, of which the configuration does not say it, is a folder of versions: no loader knows it, and it
    has a folder that is called by a number. Touches the disk."""
    path = Path(source)
    try:
        return path.is_dir() and not detects(source) and any(map(is_number, _folders(path)))
    except OSError:
        return False


def name_problem(name: str) -> str:
    """Why `name` cannot be that of a version; empty if it can."""
    if not name or not _NAME.fullmatch(name) or len(name) > LONGEST_LABEL or ".." in name:
        return "its name must have letters, digits, '.', '_' and '-' only, and no '..'"
    return "names that begin with '.' or '_' are for copies that are not finished" if name.startswith(_HIDDEN) else ""


def _folders(root: Path) -> Iterator[str]:
    """Names of the folders in `root` that are not hidden, links to folders among them, and what cannot be told."""
    with os.scandir(root) as entries:
        for entry in entries:
            if not entry.name.startswith(_HIDDEN) and _may_be_folder(entry):
                yield entry.name


def _may_be_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, say: whoever looks closer tells why it is none, and the others are read
        return True


def _stamp(root: Path, folder: Path) -> Stamp:
    """What the files of `folder` are like; raises _Refused if one of them lies elsewhere, or there are too many."""
    _keep_within(root, folder)
    files: list[tuple[str, int, int, int]] = []
    seen: set[str] = set()
    pending = [folder]
    while pending:
        here = pending.pop()
        real = os.path.realpath(here)
        if real in seen:  # links in a circle
            continue
        seen.add(real)
        with os.scandir(here) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.is_symlink():
                    _keep_within(root, path)
                if entry.is_dir():
                    pending.append(path)
                else:
                    status = entry.stat()
                    name = str(path.relative_to(folder))
                    files.append((name, status.st_size, status.st_mtime_ns, status.st_ino))
                if len(files) + len(pending) > MOST_FILES:
                    raise _Refused(f"its folder has more than {MOST_FILES} files")
    return tuple(sorted(files))


def _keep_within(root: Path, path: Path) -> None:
    if not _real(path).is_relative_to(root):
        raise _Refused(f"'{path.name}' is a link that leaves the repository")


def _real(path: Path) -> Path:
    """Where it lies; raises OSError if that is nowhere. `Path.resolve` raises RuntimeError for links in a circle."""
    return Path(os.path.realpath(path, strict=True))
