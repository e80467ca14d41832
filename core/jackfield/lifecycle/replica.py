"""One running copy of a version: its limits, and the ledger of what it accepted, wherever its engine runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import structlog

from jackfield.clock import Clock
from jackfield.config.models import ModelConfig
from jackfield.engine.admission import Admission, Limits
from jackfield.engine.delivery import conclude
from jackfield.errors import Cancelled, Unavailable, Unsupported
from jackfield.interfaces import Line
from jackfield.interfaces.engine import Deliver, Died, Engine
from jackfield.lifecycle.changing import AnyChanging, Change
from jackfield.types import Capabilities, Signature
from jackfield.work import Continuation, Request, Response, Result, StepReport, Work

log = structlog.get_logger("jackfield.replica")

Post = Callable[[Callable[[], None]], None]

_LEISURE = 5.0  # seconds that an engine gets to end the step that it is at
_AT_ONCE = 1.0


@dataclass(frozen=True, slots=True)
class Traits:
    """What a replica shows of its executor. `accept`: see `SequenceExecutor`; None: nothing is checked here. `settle`
    and `resume`: see `Likeness`. `cost`: see `SequenceExecutor`; None: what comes costs the bytes of its inputs.
    `portrait`: see `Executor.portrait`; it may take a while."""

    signature: Signature
    capabilities: Capabilities
    about: Any = None
    accept: Callable[[Work], None] | None = None
    settle: Callable[[Request], None] | None = None
    resume: Callable[[Request, Sequence[Response]], Request | None] | None = None
    cost: Callable[[Request], int] | None = None
    portrait: Callable[[], tuple[str, Any] | None] | None = None


class LocalReplica:
    """Implements `Replica`: the ledger is here, wherever the engine runs that `make_engine` makes. All state belongs to
    the event loop; the engine only posts to it."""

    def __init__(
        self,
        name: str,
        model: str,
        traits: Traits,
        make_engine: Callable[[Deliver, Died], Engine],
        line: Line | None,
        clock: Clock,
        post: Post,
        stepped: Callable[[StepReport], None],
        died: Callable[[LocalReplica, str], None],
        limits: Limits,
        step_timeout: float | None,
        changing: AnyChanging | None = None,
    ) -> None:
        self.name = name
        self.signature = traits.signature
        self.capabilities = traits.capabilities
        self.about = traits.about
        self.portrait = traits.portrait
        self.max_rows = limits.max_rows
        self.failure: str | None = None
        self._accept = traits.accept
        self._settle_request = traits.settle
        self.resume = traits.resume
        self.cost_of = traits.cost
        self._now = clock.now
        self._post = post
        self._stepped = stepped
        self._on_death = died
        self._step_timeout = step_timeout
        self._changing = changing
        self._works: set[Work] = set()
        self._draining = False
        self._hurried = False
        self._idle = threading.Event()
        self._idle.set()
        self._engine = make_engine(self._deliver, self._died)
        self.policy_state = self._engine.policy_state
        self.executor_state = self._engine.executor_state
        self.worker_state = self._engine.worker_state
        self._admission = Admission(model, limits, self._engine, line)

    def start(self) -> None:
        """Start the engine."""
        self._engine.start()

    @property
    def alive(self) -> bool:
        """Whether the worker runs and makes progress."""
        if self.failure is None:
            since = self._engine.executing_since  # also a look at the process that it may run in
            limit = self._step_timeout
            if since is not None and limit is not None and self._now() - since > limit:
                self._die(f"a step has been running for more than {limit:g} s")
        return self.failure is None

    @property
    def waiting(self) -> int:
        """How many works wait for their step: none once the worker is down, even if its loop hangs with them."""
        return self._engine.waiting if self.failure is None else 0

    @property
    def outstanding(self) -> int:
        """How many rows were accepted and not yet answered."""
        return self._admission.rows

    @property
    def cost(self) -> int:
        """What is left of what was accepted: see `Candidate`."""
        return self._admission.cost

    @property
    def free_bytes(self) -> float:
        """Most bytes that a request can have to be accepted now."""
        return self._admission.free_bytes

    def check_room(self, size: int) -> None:
        """Raise Overloaded or Unavailable if a request of `size` bytes would not be accepted, whatever is in it."""
        if self.failure is not None or self._draining:
            self._refuse()
        self._admission.check_room(size)

    def submit(self, work: Work) -> None:
        """Accept `work`, or raise Overloaded, Unavailable or InvalidRequest."""
        if self.failure is not None or self._draining:
            self._refuse()
        self._admission.check(work)
        if self._settle_request is not None:
            self._settle_request(work.request)
        self._take(work)

    def adopt(self, work: Work) -> None:
        """Go on with `work`, which another replica had accepted that is gone. Raises Unavailable or InvalidRequest."""
        if self.failure is not None or self._draining:
            self._refuse()
        work.replica, work.running, work.report, work.extra = self, False, None, None
        self._take(work)

    def surrender(self) -> list[Work]:
        """What was not answered, for others to go on with: this replica knows nothing of it any more. Works that may
        have been the reason of its death are marked so."""
        works = [work for work in self._works if work.final is None]
        suspects = self._engine.suspects
        for work in works:
            self._forget(work)
            if suspects is None or work in suspects:
                work.continuation = work.continuation or Continuation()
                work.continuation.deaths += 1
        return works

    def cancel(self, work: Work) -> None:
        """Settle `work` as cancelled, unless it is over; keep it from the device if it has not reached it."""
        if work.final is None:
            self._settle(work, Cancelled("the request was cancelled"))
            self._engine.withdraw(work)

    def reconfigure(self, config: ModelConfig) -> Callable[[], None]:
        """Make ready what leads to `config`; the call that is returned puts it into effect."""
        if self._changing is None:
            raise Unsupported(f"replica '{self.name}' cannot be changed while it runs")
        return partial(self._change, self._changing, self._changing.to(config))

    def stop(self, timeout: float) -> None:
        """Drain for at most `timeout` seconds, fail the rest, end the threads. Blocks; idempotent. With no time it has
        another call end that waits."""
        self._draining = True
        self._hurried = self._hurried or timeout <= 0
        if not self._idle.wait(timeout):
            self._post(partial(self._fail_all, "it was stopped before this request's turn"))
        self._engine.stop(timeout=_AT_ONCE if self._hurried else _LEISURE)

    def _take(self, work: Work) -> None:
        if self._accept is not None:
            self._accept(work)
        if not self._works:
            self._idle.clear()
        self._works.add(work)
        self._admission.enter(work)
        self._engine.submit(work)

    def _change(self, changing: AnyChanging, change: Change) -> None:
        changing.done(change)
        self.max_rows = change.limits.max_rows
        self._step_timeout = change.config.step_timeout_s
        self._admission.limits = change.limits
        if change.scheduler is not None:
            self._admission.reline(change.line, self._works)
        if change.policy is not None or change.scheduler is not None:
            self._engine.reconfigure(change.policy, change.scheduler, change.config)

    def _refuse(self) -> NoReturn:
        if self.failure is not None:
            raise Unavailable(f"replica '{self.name}' is down: {self.failure}")
        raise Unavailable(f"replica '{self.name}' is draining")

    def _deliver(self, results: Sequence[tuple[Work, Result]], reports: Sequence[StepReport]) -> None:
        self._post(partial(self._settle_all, results, reports))

    def _settle_all(self, results: Sequence[tuple[Work, Result]], reports: Sequence[StepReport]) -> None:
        if reports:
            self._admission.learn(reports)
        for report in reports:
            self._stepped(report)
        for work, result in results:
            self._settle(work, result)

    def _settle(self, work: Work, result: Result) -> None:
        if work.replica is not self and work.replica is not None:  # another goes on with it
            return
        answer = conclude(work, result, self._now())
        if answer is None:
            return
        if work.final is not None:
            self._forget(work)
            if answer is not result:  # the engine may hold that it goes on
                self._engine.withdraw(work)
        elif isinstance(answer, Response):
            self._admission.spent(work, answer.spent)
            if self.resume is not None:
                if work.continuation is None:
                    work.continuation = Continuation()
                work.continuation.history.append(answer)
        try:
            work.sink(work, answer)
        except Exception:  # a sink that fails must not cost the others in its batch their answers
            log.exception("delivery failed", replica=self.name, request_id=work.request.id)

    def _forget(self, work: Work) -> None:
        self._works.discard(work)
        self._admission.leave(work)
        if not self._works:
            self._idle.set()

    def _fail_all(self, reason: str) -> None:
        for work in list(self._works):
            self._settle(work, Unavailable(f"replica '{self.name}' did not answer: {reason}"))
            self._engine.withdraw(work)

    def _died(self, reason: str) -> None:
        self._post(partial(self._die, reason))

    def _die(self, reason: str) -> None:
        if self.failure is None:
            self.failure = reason
            log.error("replica is down", replica=self.name, reason=reason)
            self._on_death(self, reason)
            self._fail_all(reason)
