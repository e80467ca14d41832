"""Time that passes only when it is told to."""

from __future__ import annotations


class VirtualClock:
    """Implements `Clock`. Reading it is thread-safe; advance it from one thread."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now

    def now(self) -> float:
        """The virtual seconds that have passed."""
        return self._now

    def advance(self, seconds: float) -> float:
        """Let `seconds` pass; returns the new time. Raises ValueError if time would run backwards."""
        if not seconds >= 0:
            raise ValueError(f"time does not run backwards: cannot advance by {seconds}")
        self._now += seconds
        return self._now

    def reach(self, moment: float) -> float:
        """Let time pass until `moment`, without a rounding error; a moment in the past changes nothing."""
        self._now = max(self._now, moment)
        return self._now
