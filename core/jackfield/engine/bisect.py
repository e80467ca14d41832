"""Running a step; and if it fails, finding by bisection the work that is at fault, so that its neighbours get their
answers all the same."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager

import structlog

from jackfield.errors import ExecutionFailed, JackfieldError, Unavailable
from jackfield.interfaces import Executor
from jackfield.work import Result, Step, StepReport, Work

log = structlog.get_logger("jackfield.engine")

_PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[/\\][\w.+-]+){2,}[/\\]?")
_LONGEST = 500


def run_step(executor: Executor, step: Step, device: AbstractContextManager[object]) -> list[Result | None]:
    """Results of `step`, one for each of its work, in order. Holds `device` only while the executor executes.

    Raises Unavailable if the executor says that it is gone for good; any other failure becomes a result.
    """
    try:
        if step.payload is None:
            step.payload = executor.prepare(step)
        with device:
            results = list(executor.execute(step).results)
        if len(results) != len(step.work):
            raise ExecutionFailed(f"the executor gave {len(results)} results for {len(step.work)} requests")
        return results
    except Unavailable:
        raise
    except BaseException as error:  # a model is foreign code: even SystemExit must not take the engine down
        if len(step.work) == 1:
            return [_blamed(step.work[0], error)]
        return _bisect(executor, step, device)


def _bisect(executor: Executor, step: Step, device: AbstractContextManager[object]) -> list[Result | None]:
    middle = len(step.work) // 2
    results: list[Result | None] = []
    for part in (step.work[:middle], step.work[middle:]):
        live = [work for work in part if work.final is None]
        found: dict[Work, Result | None] = {}
        if live:
            rows = sum(work.rows for work in live)
            before = live[0].report
            report = StepReport(before.replica if before else "", rows, len(live), before.started if before else 0.0)
            for work in live:
                work.report = report
            found = dict(zip(live, run_step(executor, Step(live, rows), device), strict=True))
        results.extend(found.get(work) for work in part)
    return results


def _blamed(work: Work, error: BaseException) -> JackfieldError:
    if work.report is not None:
        work.report.failed = True
    if isinstance(error, JackfieldError):
        return error
    log.error("model raised", model=work.request.model, request_id=work.request.id, exc_info=error)
    return ExecutionFailed(f"the model raised {type(error).__name__}: {public(str(error))}")


def public(text: str) -> str:
    """A foreign error's text without paths of the host, on one line and of bounded length, for a client to see."""
    clean = " ".join(_PATH.sub("<path>", text).split())
    return clean if len(clean) <= _LONGEST else clean[: _LONGEST - 3] + "..."
