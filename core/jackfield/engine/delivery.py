"""What an answer makes of work: the one place in which a final state is entered."""

from __future__ import annotations

from jackfield.engine.bisect import EXPIRED
from jackfield.errors import Cancelled, ExecutionFailed, Expired, JackfieldError
from jackfield.work import Response, Result, State, Work


def conclude(work: Work, result: Result, now: float) -> Result | None:
    """Let `work` enter the state that `result` means, and return what its client is to be told.

    None if it is over already: cancelled or expired while it ran, so that nobody reads this. A response that is not
    the last of a stream changes nothing. What comes after the deadline has expired, whatever it is.
    """
    if work.final is not None:
        return None
    if work.deadline is not None and now > work.deadline and not isinstance(result, Cancelled):
        result = Expired(EXPIRED)
    if isinstance(result, Response):
        if result.final:
            work.final = State.COMPLETED
            work.finished = now
            return result
        if work.request.stream:
            return result
        result = ExecutionFailed("the executor answered in pieces a request that was to have one response")
    if not isinstance(result, JackfieldError):  # an executor is foreign code
        result = ExecutionFailed(  # type: ignore[unreachable]
            f"the executor answered with an object of type {type(result).__name__}"
        )
    work.final = _state_of(result)
    work.error = result
    work.finished = now
    return result


def _state_of(error: JackfieldError) -> State:
    if isinstance(error, Expired):
        return State.EXPIRED
    return State.CANCELLED if isinstance(error, Cancelled) else State.FAILED
