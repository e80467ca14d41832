"""What stands for an actor's engine in the server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import structlog
from jackfield import Array, Response, StepReport, Work
from jackfield.errors import ExecutionFailed
from jackfield.hosting import Deliver, Died, Likeness, Result, plain
from jackfield.transport import error_of

from jackfield_ray import messages as say
from jackfield_ray.link import Link
from jackfield_ray.tensors import unpacked

log = structlog.get_logger("jackfield.ray")

_REPORT = [name for name in say.Report.__struct_fields__ if name != "ago"]


class RayEngine:
    """Implements `Engine`. All state belongs to the event loop, but for `stop`."""

    def __init__(
        self,
        link: Link,
        likeness: Likeness,
        deliver: Deliver,
        died: Died,
        post: Callable[[Callable[[], None]], None],
        silence: float,
    ) -> None:
        self._link = link
        self._likeness = likeness
        self._deliver = deliver
        self._on_death = died
        self._post = post
        self._silence = silence
        self._works: dict[int, Work] = {}
        self._numbers: dict[Work, int] = {}
        self._next = 0
        self._now = say.Now(0, 0, 0, 0, None, ())
        self._running: tuple[int, ...] = ()
        self._since: float | None = None
        self._heard = self._due = time.perf_counter()
        self._states = say.States({}, {})
        self._watch: asyncio.TimerHandle | None = None
        self._stopping = threading.Event()
        self._gone = False
        self._suspects: Collection[Work] | None = ()

    @property
    def waiting(self) -> int:
        """What the actor told last, and what it had not taken in then."""
        return min(max(self._now.waiting + self._next - self._now.taken, 0), len(self._works))

    @property
    def waiting_rows(self) -> int:
        """As `waiting`; what is on its way counts one row each."""
        return max(self._now.rows + self._next - self._now.taken, 0) if self._works else 0

    @property
    def executing_since(self) -> float | None:
        """By this machine's clock, as far as it was told."""
        return self._since

    @property
    def suspects(self) -> Collection[Work] | None:
        """None if its process died before it told what it was at; nobody if its whole node is gone."""
        return self._suspects

    def worker_state(self) -> Mapping[str, float]:
        """Nothing: its process is on another machine, and Ray looks after it."""
        return {}

    def policy_state(self) -> Mapping[str, float]:
        """What the actor told last."""
        return self._states.policy

    def executor_state(self) -> Mapping[str, float]:
        """What the actor told last."""
        return self._states.executor

    def start(self) -> None:
        """Listen to the actor from now on."""
        self._post(self._look)
        self._link.listen(
            lambda messages, beside: self._post(partial(self._take, messages, beside)),
            lambda reason, there: self._post(partial(self._ended, reason, there)),
            lambda numbers, reason: self._post(partial(self._unsent, numbers, reason)),
        )

    def submit(self, work: Work) -> None:
        """Send it. What cannot be sent fails."""
        number, self._next = self._next, self._next + 1
        self._works[number] = work
        self._numbers[work] = number
        self._link.send((number, work))

    def withdraw(self, work: Work) -> None:
        """Tell the actor, unless it has answered."""
        number = self._numbers.pop(work, None)
        if number is not None:
            del self._works[number]
            self._link.send(say.Withdraw(number))

    def reconfigure(self, policy: Any, scheduler: Any, config: Any) -> None:
        """The actor makes them anew, out of the section."""
        self._link.send(say.Configure(plain(config)))

    def stop(self, timeout: float) -> bool:
        """Have the actor end; what does not end in time is killed. Blocks. A second call has the first end in its
        time."""
        if self._stopping.is_set():
            if not self._link.over.wait(timeout):
                self._link.kill()
            return True
        self._stopping.set()
        self._link.send(say.Stop(timeout))
        ended = self._link.close(timeout)
        if not ended:
            log.warning("an actor did not end in time, and is killed", replica=self._link.name)
        if self._likeness.close is not None:
            self._likeness.close()
        return ended

    def _take(self, messages: Sequence[say.FromWorker], beside: Sequence[Array]) -> None:
        if self._gone:
            return
        try:
            self._hear(messages, beside)
        except Exception as error:  # what nobody understands any more cannot be gone on with
            log.exception("what an actor said cannot be read", replica=self._link.name)
            self._give_up(f"what its actor said cannot be read: {type(error).__name__}: {error}")

    def _hear(self, messages: Sequence[say.FromWorker], beside: Sequence[Array]) -> None:
        now = self._heard = time.perf_counter()
        for message in messages:
            if isinstance(message, say.Told):
                reports = [self._report(one, now) for one in message.reports]
                results = [pair for one in message.answers if (pair := self._result(one, beside, reports)) is not None]
                self._deliver(results, reports)
            elif isinstance(message, say.Now):
                self._now = message
                self._since = None if message.busy is None else now - message.busy
                if message.running is not None:
                    self._running = message.running
            elif isinstance(message, say.States):
                self._states = message
            elif isinstance(message, say.Died):
                self._give_up(message.reason)

    def _report(self, told: say.Report, now: float) -> StepReport:
        report = StepReport(started=now - told.ago, **{name: getattr(told, name) for name in _REPORT})
        if report.extra is not None:
            make = self._likeness.extra
            report.extra = None if make is None else make(report.extra, self._works.get)
        return report

    def _result(
        self, answer: say.Answered, beside: Sequence[Array], reports: Sequence[StepReport]
    ) -> tuple[Work, Result] | None:
        work = self._works.get(answer.number)
        if work is None:  # it was withdrawn
            return None
        if answer.final or answer.error:
            del self._works[answer.number]
            del self._numbers[work]
        if answer.report >= 0:
            work.report = reports[answer.report]
        work.running = True
        if answer.error:
            return work, error_of(answer.error, answer.message, answer.retry_after)
        types = self._likeness.parameters
        parameters = {
            name: msgspec.convert(value, types[name], strict=False) if name in types else value
            for name, value in answer.parameters.items()
        }
        return work, Response(unpacked(answer.outputs, beside), parameters, answer.final, answer.spent)

    def _unsent(self, numbers: Sequence[int], reason: str) -> None:
        for number in numbers:
            work = self._works.pop(number, None)
            if work is not None:
                del self._numbers[work]
                self._deliver([(work, ExecutionFailed(f"the request cannot be sent to an actor: {reason}"))], ())

    def _look(self) -> None:
        """Now and then: whether the actor shows signs of life."""
        if self._gone or self._stopping.is_set():
            return
        now = time.perf_counter()
        if now - self._due > self._silence / 4:  # this process stood still, and what was said meanwhile comes only now
            self._heard = now
        quiet = now - self._heard
        if quiet > self._silence:
            where = f"its actor on node {self._link.address}"
            self._give_up(f"{where} has shown no sign of life for {quiet:.1f} s")
            return
        self._due = now + self._silence / 4
        self._watch = asyncio.get_running_loop().call_later(self._silence / 4, self._look)

    def _give_up(self, reason: str) -> None:
        threading.Thread(target=self._link.kill, name=f"jackfield-ray-kill {self._link.name}", daemon=True).start()
        self._ended(reason, True)

    def _ended(self, reason: str, there: bool) -> None:
        if self._gone:
            return
        self._gone = True
        if self._watch is not None:
            self._watch.cancel()
        if self._stopping.is_set():
            return
        if there:
            self._suspects = {self._works[number] for number in self._running if number in self._works} or None
        self._works.clear()
        self._numbers.clear()
        self._on_death(reason)
