"""Running a step; and if it fails, finding by bisection the work that is at fault, so that its neighbours get their
answers all the same."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import structlog

from jackfield.errors import ExecutionFailed, Expired, JackfieldError, Unavailable
from jackfield.interfaces import Executor
from jackfield.work import Result, Step, StepReport, Work

log = structlog.get_logger("jackfield.engine")

_PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[/\\][\w.+-]+){2,}[/\\]?")
_LONGEST = 500
EXPIRED = "Request timeout expired"
"""What a client is told whose deadline has passed, wherever that was noticed."""


def run_step(
    executor: Executor, step: Step, device: AbstractContextManager[object], now: Callable[[], float]
) -> list[Result | None]:
    """Prepare and run `step`: results for each of its work, in order. Holds `device` only while the executor executes.

    Work that is over by the time the device is free, cancelled or expired, does not reach it. Raises Unavailable if the
    executor says that it is gone for good; any other failure becomes a result.
    """
    work = step.work
    over: dict[Work, Result | None] | None
    try:
        _prepare(executor, step, now)
        with device:
            over = _over(work, now())
            if not over:
                results = list(executor.execute(step).results)
                if len(results) != len(work):
                    raise ExecutionFailed(f"the executor gave {len(results)} results for {len(work)} requests")
                return results
    except Unavailable:
        raise
    except BaseException as error:  # a model is foreign code: even SystemExit must not take the engine down
        if len(work) == 1:
            return [_blamed(work[0], error)]
        over = None
    if over is None:  # outside of the handler, so that the parts' errors do not drag this one along
        middle = len(work) // 2
        first = run_step(executor, _part(work[:middle]), device, now)
        return first + run_step(executor, _part(work[middle:]), device, now)
    live = [one for one in work if one not in over]
    ran = iter(run_step(executor, _part(live), device, now) if live else ())
    return [over[one] if one in over else next(ran) for one in work]


def reports_of(step: Step) -> list[StepReport]:
    """The reports of a step: one, or several if parts of it ran alone; none if nobody waited for it any more."""
    return list(dict.fromkeys(work.report for work in step.work if work.report is not None))


def _prepare(executor: Executor, step: Step, now: Callable[[], float]) -> None:
    before = now()
    step.payload = executor.prepare(step)
    report = step.work[0].report
    if report is not None:
        report.prepare += now() - before


def _over(works: Sequence[Work], now: float) -> dict[Work, Result | None]:
    """Those of `works` that nobody waits for any more, with what is left to say to them."""
    over: dict[Work, Result | None] = {}
    for work in works:
        if work.final is not None:
            over[work] = None
        elif work.deadline is not None and work.deadline <= now:
            over[work] = Expired(EXPIRED)
        else:
            continue
        work.report = None  # it takes no part in the step
    return over


def _part(works: Sequence[Work]) -> Step:
    """A step of its own for some of the work of another."""
    rows = sum(work.rows for work in works)
    before = next((work.report for work in works if work.report is not None), None)
    report = StepReport(before.replica if before else "", rows, len(works), before.started if before else 0.0)
    report.waiting = before.waiting if before else 0
    for work in works:
        work.report = report
    return Step(works, rows)


def _blamed(work: Work, error: BaseException) -> JackfieldError:
    if work.report is not None:
        work.report.failed = True
    if isinstance(error, JackfieldError):
        return error
    # as text: a renderer of tracebacks that shows variables would show the inputs, and hold up the engine meanwhile
    trace = "".join(traceback.format_exception(error)).rstrip()
    log.error("model raised", model=work.request.model, request_id=work.request.id or None, stack=trace)
    return ExecutionFailed(f"the model raised {type(error).__name__}: {public(str(error))}")


def public(text: str) -> str:
    """A foreign text without paths of the host, on one printable line and of bounded length, for a client to see."""
    clean = " ".join(_PATH.sub("<path>", text[: 4 * _LONGEST]).split())
    if not clean.isprintable():
        clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in clean)
    return clean if len(clean) <= _LONGEST else clean[: _LONGEST - 3] + "..."
