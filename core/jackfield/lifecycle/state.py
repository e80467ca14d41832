"""The states of a version."""

from __future__ import annotations

from enum import StrEnum


class VersionState(StrEnum):
    """The life of a version. FAILED keeps its reason; UNLOADED and FAILED are final."""

    LOADING = "loading"
    WARMING = "warming"
    READY = "ready"
    DRAINING = "draining"
    UNLOADED = "unloaded"
    FAILED = "failed"
