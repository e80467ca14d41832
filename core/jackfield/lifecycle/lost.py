"""Works whose replica died before it had answered them: who runs them next, and which of them nobody does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from jackfield.engine.bisect import EXPIRED
from jackfield.engine.delivery import conclude
from jackfield.errors import Cancelled, Expired, JackfieldError, Unavailable
from jackfield.types import Signature
from jackfield.work import Continuation, Request, Response, Result, Work

log = structlog.get_logger("jackfield.lifecycle")

_LONGER = 4
"""How many times more deaths work of many steps survives: it is on the device for long, so it is seldom the reason."""

Resume = Callable[[Request, Sequence[Response]], Request | None]


class LostWorks:
    """Holds works between two replicas, each as long as its deadline allows. Used on the event loop.

    `most`: how many deaths a work survives in which it was on the device; 0 where it must not run twice. One that has
    told something since the death before is at no fault, and starts anew with the last.
    """

    def __init__(self, model: str, now: Callable[[], float], most: int) -> None:
        self._model = model
        self._now = now
        self._most = most
        self._works: list[Work] = []
        self.signature = Signature((), ())

    def __len__(self) -> int:
        return len(self._works)

    def take(self, works: Sequence[Work], signature: Signature, resume: Resume | None, reason: str) -> None:
        """The replica of `works` is gone. `resume`: see `Likeness`. Those that must not go on are told so."""
        self.signature = signature
        for work in works:
            refused = self._refusal(work, resume, reason)
            if refused is not None:
                self._settle(work, refused)
                continue
            work.replica = self
            self._works.append(work)
        if self._works:
            log.warning("works wait for another replica", model=self._model, works=len(self._works))

    def cancel(self, work: Work) -> None:
        """Nobody waits for it any more: what a replica does."""
        if work.final is None:
            self._works = [one for one in self._works if one is not work]
            self._settle(work, Cancelled("the request was cancelled"))

    def place(self, adopt: Callable[[Work], None]) -> None:
        """Hand each to a replica, in the order in which they came; `adopt` raises Unavailable if there is none."""
        works, self._works = sorted(self._works, key=_arrival), []
        for number, work in enumerate(works):
            try:
                adopt(work)
            except Unavailable:
                self._works = works[number:]
                return
            except JackfieldError as error:
                self._settle(work, error)

    def expire(self) -> None:
        """Give up those whose deadline has passed."""
        if not self._works:
            return
        now = self._now()
        over = [work for work in self._works if work.deadline is not None and work.deadline <= now]
        if over:
            self._works = [work for work in self._works if work not in over]
            for work in over:
                self._settle(work, Expired(EXPIRED))

    def fail(self, reason: str) -> None:
        """There will be no other replica."""
        works, self._works = self._works, []
        for work in works:
            self._settle(work, Unavailable(f"model '{self._model}' did not answer: {reason}"))

    def _refusal(self, work: Work, resume: Resume | None, reason: str) -> JackfieldError | None:
        """Why `work` does not go on; None if it does, and then its request is what is left to do."""
        mind = work.continuation = work.continuation or Continuation()
        told = len(mind.history)
        if told > mind.known:
            mind.known, mind.deaths = told, min(mind.deaths, 1)
        if mind.deaths > (self._most if resume is None else self._most * _LONGER):
            return Unavailable(f"a replica of model '{self._model}' did not answer: {reason}")
        if told:
            mind.request = resume(work.request, mind.history) if resume is not None else None
            if mind.request is None:
                return Unavailable(
                    f"a replica of model '{self._model}' did not answer: {reason}; what it had begun to answer cannot "
                    "be continued by another"
                )
        return None

    def _settle(self, work: Work, result: Result) -> None:
        answer = conclude(work, result, self._now())
        if answer is None:
            return
        try:
            work.sink(work, answer)
        except Exception:  # one that fails must not cost the others their answers
            log.exception("delivery failed", model=self._model, request_id=work.request.id)


def _arrival(work: Work) -> float:
    return work.arrival
