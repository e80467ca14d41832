"""How many bytes a model's files have."""

from __future__ import annotations

import os
from pathlib import Path

from jackfield.config.models import ModelConfig
from jackfield.errors import LoadError
from jackfield.repository.listing import Detects, Repository, is_repository
from jackfield.repository.naming import chosen


def size_of(section: ModelConfig, detects: Detects) -> int:
    """Bytes of the files of a model, of those versions that are to be served; 0 if its source is no file or folder.

    Beside a file those are counted that begin with its name, which hold its weights. Touches the disk."""
    source = section.source
    if section.versions is not None or is_repository(source, detects):
        try:
            found = Repository("", source, detects, section.artifact).versions()
        except LoadError:  # which whoever loads it says better
            return 0
        whole = {name: one for name, one in found.items() if not one.problem}
        return sum(whole[name].size for name in chosen(whole, section.versions or "latest"))
    path = Path(source)
    try:
        if path.is_dir():
            return sum(_size(Path(folder) / name) for folder, _, names in os.walk(path) for name in names)
        return sum(_size(one) for one in path.parent.glob(f"{path.name}*")) if path.is_file() else 0
    except (OSError, ValueError):
        return 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
