"""Loading and unloading models through this endpoint, where the configuration allows it."""

from __future__ import annotations

from typing import NamedTuple

from jackfield_plugins.open_inference.loading import Loading
from jackfield_plugins.open_inference.repository_key import RepositoryKey


class Control(NamedTuple):
    """Who may, and what is done then."""

    key: RepositoryKey
    loading: Loading
