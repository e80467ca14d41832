"""Which part of this machine each of a model's replicas gets: its device, its threads, its processors."""

from __future__ import annotations

import os
from collections.abc import Sequence

from jackfield.config.models import ModelConfig
from jackfield.errors import LoadError
from jackfield.interfaces import Share


def share_of(model: str, config: ModelConfig, number: int, processors: Sequence[int] | None = None) -> Share:
    """That of replica `number`. `processors` are those that this process may use; None: it is looked up.

    Raises LoadError if processors are asked for that are not there."""
    here = tuple(sorted(os.sched_getaffinity(0))) if processors is None else tuple(processors)
    device = config.devices[number % len(config.devices)] if config.devices is not None else config.device
    if config.cores is None:
        whole = config.replicas == 1  # then libraries know best
        return Share(device, None if whole else max(len(_part(here, number, config.replicas)), 1), None)
    if config.cores == "divide":
        own = _part(here, number, config.replicas)
        if not own:
            raise LoadError(
                f"models.{model}.cores: {len(here)} processors cannot be divided among {config.replicas} replicas"
            )
        return Share(device, len(own), own)
    place = number % len(config.cores)
    own = config.cores[place]
    missing = [one for one in own if one not in here]
    if missing:
        raise LoadError(
            f"models.{model}.cores.{place}: there is no processor {missing[0]} for this process, which may use "
            f"{', '.join(map(str, here))}"
        )
    together = len(range(place, config.replicas, len(config.cores)))
    return Share(device, max(len(own) // together, 1), own)


def pin(share: Share) -> None:
    """Bind this thread, and all threads and processes that it starts, to the processors of `share`, if it has any."""
    if share.cores is not None:
        os.sched_setaffinity(0, share.cores)


def _part(here: Sequence[int], number: int, replicas: int) -> tuple[int, ...]:
    return tuple(here[number * len(here) // replicas : (number + 1) * len(here) // replicas])
