"""How fast a replica works, learned from its steps, and how long that will take for what waits."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.work import StepReport

_NEWEST = 0.2  # weight of the newest step in the averages
_MOST = 2.0  # one slow step is more often a disturbance than news: it counts for at most so many usual ones
_LATE = 10  # of so many accepted requests with a deadline one may come late
_STEP = 0.1  # by how much a step of requests that are late widens the margin
_WORST = 0.5


class Pace:
    """Rows and seconds of the steps that are formed while more work waits: averages in which newer steps count more.

    Their time is that from one such step to the next, so that all between them is in it, and what overlaps is in it
    once. A step that left nothing waiting was perhaps not full: its own pace is one that can be kept, and no more.

    `error`: by what share an answer may come later than expected.
    """

    def __init__(self) -> None:
        self.rows = 0.0
        self.seconds = 0.0
        self.error = 0.0
        self._before: StepReport | None = None

    def learn(self, reports: Sequence[StepReport]) -> None:
        """A step went as `reports` say. One of several parts was bisected: it tells nothing."""
        before, self._before = self._before, None
        if len(reports) != 1 or reports[0].failed or not reports[0].rows:
            return
        report = self._before = reports[0]
        own = report.prepare + report.execute + report.finish
        if before is not None and before.waiting and report.started > before.started:
            self._count(before.rows, max(report.started - before.started, before.execute))
        elif not self.seconds or own * self.rows < self.seconds * report.rows or own > self.seconds:
            self._count(report.rows, own)

    def start(self, ahead: float, running: float, elapsed: float) -> float:
        """Seconds until work starts that comes behind `ahead` rows, of which `running` were planned already, the first
        of those `elapsed` seconds ago. 0 if nothing is known."""
        if not self.rows:
            return 0.0
        rest = max(running * self.seconds / self.rows - elapsed, 0.0)
        return rest + self._steps(ahead - running) * self.seconds

    def end(self, start: float) -> float:
        """Seconds until work is answered that starts in `start` seconds, if it does not go better than expected."""
        return (start + self.seconds) * (1 + self.error)

    def kept(self, given: float, kept: bool) -> None:
        """Whether accepted work met a deadline of `given` seconds; one below the time of a step tells nothing.

        The error is what keeps one of `_LATE` from being late: with each answer it moves a little, up where work was
        late and down where it was not, and comes to rest where both weigh the same (Robbins and Monro, 1951).
        """
        if self.rows and given > self.seconds:
            moved = self.error + (-_STEP / _LATE if kept else _STEP) / self.rows
            self.error = min(max(moved, 0.0), _WORST)

    def _steps(self, rows: float) -> int:
        return max(int(rows / self.rows), 0)

    def _count(self, rows: int, seconds: float) -> None:
        if not self.seconds:
            self.rows, self.seconds = float(rows), seconds
            return
        self.seconds += _NEWEST * (min(seconds, _MOST * self.seconds) - self.seconds)
        self.rows += _NEWEST * (rows - self.rows)
