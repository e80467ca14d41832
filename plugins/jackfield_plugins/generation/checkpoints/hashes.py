"""Pinned hashes of files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import Field

from jackfield.errors import LoadError

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""A SHA-256 in lowercase hex."""


def check_hash(path: Path, source: str, pinned: str | None) -> None:
    """Raise LoadError, naming `source`, if the file at `path` has another hash than is `pinned`."""
    if pinned is None:
        return
    try:
        with path.open("rb") as file:
            got = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LoadError(f"'{source}' cannot be read: {error.strerror or type(error).__name__}") from error
    if got != pinned:
        raise LoadError(f"'{source}' has sha256 {got}, and the configuration pins {pinned}")
