"""Saying no in time: what is checked before work enters a queue. Nothing here costs more than some comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

import structlog

from jackfield.engine.pace import Pace
from jackfield.errors import InvalidRequest, Overloaded
from jackfield.interfaces import Line
from jackfield.work import State, StepReport, Work

log = structlog.get_logger("jackfield.engine")

_SHORTEST, _LONGEST = 1.0, 60.0  # bounds of Retry-After, in seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """What one replica takes. `max_rows`: most rows of one request. `max_queue`, `max_queue_rows`: most requests and
    rows that wait. `max_queue_bytes`: most bytes of inputs accepted and not yet answered. `max_wait`: most seconds that
    a request is likely to wait for its step. None: no limit."""

    max_rows: int
    max_queue: int
    max_queue_bytes: int
    max_queue_rows: int | None = None
    max_wait: float | None = None


class Waiting(Protocol):
    """What stands before the device."""

    @property
    def waiting(self) -> int:
        """How many works wait."""
        ...

    @property
    def waiting_rows(self) -> int:
        """How many rows wait."""
        ...

    @property
    def executing_since(self) -> float | None:
        """Since when the device has been at its step; None if it runs none."""
        ...


class Admission:
    """The ledger of what one replica has accepted and not yet answered, and the limits of that. `line` is its
    scheduler's. Used on the event loop only."""

    def __init__(self, model: str, limits: Limits, waiting: Waiting, line: Line | None) -> None:
        self.limits = limits
        self.rows = 0
        self.bytes = 0
        self.cost = 0
        self.pace = Pace()
        self._model = model
        self._waiting = waiting
        self._line = line

    @property
    def free_bytes(self) -> float:
        """Most bytes that a request can have to be taken in now; infinite where nothing is held, and any will do."""
        return self.limits.max_queue_bytes - self.bytes if self.bytes else math.inf

    def check_room(self, size: int) -> None:
        """Raise Overloaded if a request of `size` bytes cannot be taken in whatever else it is."""
        limits, queue = self.limits, self._waiting
        waiting = queue.waiting
        if waiting >= limits.max_queue:
            self._shed(f"{waiting} requests wait for model '{self._model}', at most {limits.max_queue} may")
        if limits.max_queue_rows is not None and queue.waiting_rows >= limits.max_queue_rows:
            self._shed(f"{queue.waiting_rows} rows wait for model '{self._model}', at most {limits.max_queue_rows} may")
        if self.bytes + size > limits.max_queue_bytes and self.bytes:
            self._shed(
                f"{self.bytes} bytes of inputs are held for model '{self._model}', at most {limits.max_queue_bytes} "
                "may be"
            )

    def check(self, work: Work) -> None:
        """Raise InvalidRequest or Overloaded if `work`, which arrives now, cannot be taken in beside what is there."""
        limits = self.limits
        if work.rows > limits.max_rows:
            raise InvalidRequest(
                f"inference request batch-size must be <= {limits.max_rows} for '{self._model}', got {work.rows}"
            )
        self.check_room(work.bytes)
        if limits.max_queue_rows is not None:
            rows = self._waiting.waiting_rows
            if rows and rows + work.rows > limits.max_queue_rows:
                self._shed(
                    f"{rows} rows wait for model '{self._model}', at most {limits.max_queue_rows} may, and this "
                    f"request has {work.rows}"
                )
        if self.rows and (work.deadline is not None or limits.max_wait is not None):
            self._check_wait(work)

    def enter(self, work: Work) -> None:
        """`work` was accepted."""
        self.rows += work.rows
        self.bytes += work.bytes
        self.cost += work.cost
        if self._line is not None:
            self._tell(work, entered=True)

    def leave(self, work: Work) -> None:
        """`work` was answered."""
        self.rows -= work.rows
        self.bytes -= work.bytes
        self.cost -= work.cost
        if self._line is not None:
            self._tell(work, entered=False)
        if work.deadline is not None:
            self.pace.kept(work.deadline - work.arrival, work.final is not State.EXPIRED)

    def spent(self, work: Work, cost: int) -> None:
        """So much of what `work` costs is behind it; something is left until it is answered."""
        cost = max(min(cost, work.cost - 1), 0)
        work.cost -= cost
        self.cost -= cost

    def learn(self, reports: Sequence[StepReport]) -> None:
        """A step went as `reports` say."""
        self.pace.learn(reports)

    def reline(self, line: Line | None, works: Iterable[Work]) -> None:
        """From now on the new `line` tells the order of `works`, which are all that has entered and not left."""
        self._line = line
        for work in works:
            self._tell(work, entered=True)

    def _check_wait(self, work: Work) -> None:
        """Where nothing is ahead nobody is shed: it is no overload, and only steps tell when the pace has changed."""
        pace, queue = self.pace, self._waiting
        running = max(self.rows - queue.waiting_rows, 0)
        since = queue.executing_since
        elapsed = 0.0 if since is None else max(work.arrival - since, 0.0)
        left = math.inf if work.deadline is None else work.deadline - work.arrival
        most = math.inf if self.limits.max_wait is None else self.limits.max_wait
        start = pace.start(self.rows, running, elapsed)
        if pace.end(start) <= left and start <= most:
            return
        ahead = max(self._ahead(work), running)
        start = pace.start(ahead, running, elapsed)
        end = pace.end(start)
        if end > left:
            raise Overloaded(
                f"model '{self._model}' is overloaded: a request would be answered after some {end:.3g} s, and this "
                f"one's deadline is in {left:.3g} s",
                _whole(end - left),
            )
        if start > most:
            raise Overloaded(
                f"model '{self._model}' is overloaded: a request would wait some {start:.3g} s, and at most {most:g} s "
                "are allowed",
                _whole(start - most),
            )

    def _tell(self, work: Work, *, entered: bool) -> None:
        line = self._line
        if line is None:
            return
        try:
            if entered:
                line.enter(work)
            else:
                line.leave(work)
        except Exception:
            self._drop_line()

    def _ahead(self, work: Work) -> float:
        try:
            return 0.0 if self._line is None else self._line.ahead(work)
        except Exception:
            self._drop_line()
            return 0.0

    def _drop_line(self) -> None:
        """It is foreign code, and no reason to lose a request."""
        log.exception("a scheduler's line raised and is not asked again", model=self._model)
        self._line = None

    def _shed(self, reason: str) -> NoReturn:
        pace, rows = self.pace, self._waiting.waiting_rows
        seconds = rows * pace.seconds / pace.rows if pace.rows else 0.0
        raise Overloaded(f"Exceeds maximum queue size: {reason}", _whole(seconds))


def _whole(seconds: float) -> float:
    """Whole seconds within bounds, as Retry-After takes it."""
    return min(max(float(math.ceil(seconds)), _SHORTEST), _LONGEST)
