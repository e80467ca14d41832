"""Observer `access-log`: a line in the log for each request that is over, and for those that were refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, cast

import structlog

from jackfield import Observer, Options, Settled, State, hookimpl

if TYPE_CHECKING:
    from jackfield import Server

jackfield_api = "1.0"

log = structlog.get_logger("jackfield.access")

_EVERY = 1.0  # seconds between lines about refusals of one kind: in overload each line would cost as much as a refusal


class AccessLogOptions(Options):
    """What is logged of requests."""

    requests: Literal["all", "failed", "none"] = "failed"
    """`all` logs every request, at some cost; `failed` those that were not answered as asked, but of refusals for one
    reason only one a second, with their number since the last."""


class AccessLog(Observer):
    """Never logs inputs, outputs or parameters."""

    options = AccessLogOptions

    def __init__(self, options: Options, server: Server) -> None:
        super().__init__(options, server)
        self._which = cast(AccessLogOptions, options).requests
        self._refused: dict[tuple[str, str], tuple[float, int]] = {}  # since when, and how many were not logged yet

    def settled(self, event: Settled) -> None:
        """Log the request if it is to be logged."""
        work = event.work
        fine = work.final is State.COMPLETED
        if self._which == "none" or (fine and self._which != "all"):
            return
        report = work.report
        tell = log.info if fine or work.final is State.CANCELLED else log.warning
        tell(
            "request",
            model=event.model,
            version=event.version,
            request_id=work.request.id or None,
            trace=work.request.trace or None,
            state=str(work.final),
            ms=round((work.finished - work.arrival) * 1e3, 3),
            rows=work.rows,
            batch=report.rows if report is not None else None,
            error=str(work.error) if work.error is not None else None,
        )

    def refused(self, model: str, reason: str) -> None:
        """Log the refusal, without what the client sent."""
        if self._which == "all":
            log.info("request refused", model=model or None, reason=reason)
        elif self._which == "failed":
            now = self.server.clock.now()
            since, more = self._refused.get((model, reason), (now - _EVERY, 0))
            if now - since < _EVERY:
                self._refused[model, reason] = since, more + 1
            else:
                self._refused[model, reason] = now, 0
                log.info("request refused", model=model or None, reason=reason, count=more + 1)


@hookimpl
def jackfield_observers() -> Mapping[str, type[Observer]]:
    """The observers of this plugin."""
    return {"access-log": AccessLog}
