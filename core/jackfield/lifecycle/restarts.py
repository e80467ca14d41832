"""When a replica that died is started again, and when no more. Time is passed in."""

from __future__ import annotations

from collections import deque

from jackfield.config.models import RestartConfig


class Restarts:
    """Counts the deaths of one version's replicas. Each that follows another soon waits twice as long."""

    def __init__(self, config: RestartConfig) -> None:
        self._config = config
        self._deaths: deque[float] = deque()

    def after(self, now: float) -> float | None:
        """A replica has died: in how many seconds it may be started again; None: there were too many deaths."""
        config, deaths = self._config, self._deaths
        while deaths and now - deaths[0] > config.within_s:
            deaths.popleft()
        deaths.append(now)
        if len(deaths) > config.limit:
            return None
        return min(config.delay_s * 2.0 ** (len(deaths) - 1), config.max_delay_s)
