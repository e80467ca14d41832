"""The JSON documents and texts beside the weights of a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jackfield.errors import LoadError

_LARGEST = 64 * 1024 * 1024  # the largest index known has 10 MB


def read_text(path: Path, source: str) -> str:
    """The text of the file at `path`; raises LoadError naming `source` if it is missing, too large or not UTF-8."""
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise LoadError(f"'{source}' has {size} bytes, and at most {_LARGEST} are read")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LoadError(f"'{source}' does not exist") from None
    except OSError as error:
        raise LoadError(f"'{source}' cannot be read: {error.strerror or type(error).__name__}") from error
    except UnicodeDecodeError as error:
        raise LoadError(f"'{source}' is not UTF-8: {error.reason} at byte {error.start}") from error


def read_json(path: Path, source: str) -> dict[str, Any]:
    """The object in the JSON file at `path`; raises LoadError naming `source` and the line that is wrong."""
    value = _parsed(path, source)
    if not isinstance(value, dict):
        raise LoadError(f"'{source}' holds a JSON value of type {type(value).__name__}, and must hold an object")
    return value


def read_objects(path: Path, source: str) -> list[dict[str, Any]]:
    """As `read_json`, of a file that holds a list of objects."""
    value = _parsed(path, source)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise LoadError(f"'{source}' must hold a JSON list of objects")
    return value


def optional_json(path: Path, source: str) -> dict[str, Any]:
    """As `read_json`; an empty object if there is no such file."""
    return read_json(path, source) if path.is_file() else {}


def _parsed(path: Path, source: str) -> Any:
    try:
        return json.loads(read_text(path, source))
    except ValueError as error:
        raise LoadError(f"'{source}' is not JSON: {error}") from error
    except RecursionError:
        raise LoadError(f"'{source}' is JSON that is nested too deeply") from None
