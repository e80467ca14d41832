"""Which processors each replica's process may use."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from jackfield.errors import LoadError

Cores = Literal["auto", "shared"] | tuple[tuple[int, ...], ...]
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS")


def cores_of(cores: Cores, number: int, replicas: int, here: Sequence[int]) -> tuple[int, ...]:
    """The processors of replica `number` of `replicas`, of those that are `here`. Raises LoadError for one that is
    not."""
    if cores == "shared" or (cores == "auto" and (replicas == 1 or replicas > len(here))):
        return tuple(here)
    if cores == "auto":
        first, last = number * len(here) // replicas, (number + 1) * len(here) // replicas
        return tuple(here[first:last])
    own = cores[number % len(cores)]
    missing = [one for one in own if one not in here]
    if missing or not own:
        raise LoadError(f"cores {list(own)} of replica {number} cannot be had: this process may use {list(here)}")
    return tuple(own)


def here() -> tuple[int, ...]:
    """The processors that this process may use."""
    return tuple(sorted(os.sched_getaffinity(0)))


def environment(count: int) -> dict[str, str]:
    """What tells numerical libraries to take no more than `count` threads; what is set already stays."""
    return {name: os.environ.get(name, str(count)) for name in _THREADS}
