"""A file as bytes in memory, mapped: the system reads what is used, when it is used, and nothing is copied."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jackfield import Array
from jackfield.errors import LoadError


def map_file(path: Path, source: str) -> Array:
    """The bytes of the file at `path`: uint8 [size], read-only. Raises LoadError naming `source` if it cannot be read.

    The mapping lives as long as any view of it. A file that is cut short while it is mapped kills the process that
    reads beyond its end: replace a checkpoint by renaming, never in place.
    """
    try:
        if path.stat().st_size == 0:
            raise LoadError(f"'{source}' is empty")
        return np.memmap(path, np.uint8, "r").view(np.ndarray)
    except OSError as error:
        raise LoadError(f"'{source}' cannot be read: {error.strerror or type(error).__name__}") from error
