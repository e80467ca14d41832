"""From `file.py:Class` or `package.module:Class` to the class."""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

from jackfield.errors import LoadError

_SOURCE = re.compile(r"(?P<place>.+):(?P<name>[A-Za-z_]\w*)", re.DOTALL)
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def split(source: str) -> tuple[str, str] | None:
    """Place and name of the class; None if `source` is not of this form."""
    match = _SOURCE.fullmatch(source)
    if match is None:
        return None
    place = match["place"]
    return (place, match["name"]) if place.endswith(".py") or _MODULE.fullmatch(place) else None


def find(source: str) -> type:
    """Run the file or import the module, and return the class. Raises LoadError; then nothing stays imported of a file.

    A file is compiled anew each time, so that a changed one is never mistaken for what was cached of it, and its
    folder is not put on `sys.path`: what it imports must be installed.
    """
    parts = split(source)
    if parts is None:
        raise LoadError(
            f"source '{source}' does not name a class, and naming one is the consent to run its code: write "
            f"'{_suggestion(source)}'"
        )
    place, name = parts
    module = _of_file(Path(place), source) if place.endswith(".py") else _of_package(place, source)
    found = getattr(module, name, None)
    if not isinstance(found, type):
        classes = [n for n, v in vars(module).items() if isinstance(v, type) and v.__module__ == module.__name__]
        known = ", ".join(f"'{n}'" for n in classes) or "none"
        raise LoadError(f"source '{source}': there is no class '{name}'; classes that it defines: {known}")
    return found


def told(error: BaseException) -> str:
    """An exception of foreign code in one line."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _suggestion(source: str) -> str:
    if source.endswith(".py") or _MODULE.fullmatch(source):
        return f"{source}:Class"
    return f"{source.rstrip('/')}/model.py:Class" if Path(source).is_dir() else "file.py:Class"


def _of_package(place: str, source: str) -> ModuleType:
    try:
        return importlib.import_module(place)
    except Exception as error:
        raise LoadError(f"source '{source}': importing '{place}' raised {told(error)}") from error


def _of_file(path: Path, source: str) -> ModuleType:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LoadError(f"source '{source}': file '{path}' cannot be read: {error.strerror}") from error
    name = f"jackfield_model_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    module = ModuleType(name)
    module.__file__ = str(path)
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses and type hints look their module up by name
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)
    except Exception as error:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        where = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = f"SyntaxError: {error.msg}" if isinstance(error, SyntaxError) else told(error)
        raise LoadError(f"source '{source}': running '{path}' raised {reason}{where}") from error
    return module
