"""How long each phase of loading takes: measured, logged, and kept with the checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger()


class Phases:
    """`seconds`: by the name of the phase, in order. A phase is logged as it begins, so that a long one is seen."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What happens within is the phase `name`."""
        log.debug("loading", source=self._source, phase=name)
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start
        log.info("loaded", source=self._source, phase=name, seconds=round(self.seconds[name], 3))
