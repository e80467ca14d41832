"""Telling how far a build is, in the log."""

from __future__ import annotations

import time

import structlog

log = structlog.get_logger("jackfield.tensorrt")

_SHOWN_EVERY = 2.0  # seconds between lines


class Teller:
    """One build's; TensorRT calls it from threads of its own."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._shown = time.monotonic()

    def told(self, phase: str, done: int, total: int) -> None:
        """Which phase goes on, and how many steps of how many are done."""
        now = time.monotonic()
        if now - self._shown >= _SHOWN_EVERY:
            self._shown = now
            log.info("plan is being built", source=self._source, phase=phase, done=done, of=total)
