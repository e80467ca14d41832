"""What stands for a worker's engine in the server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from jackfield import Response, StepReport, Work
from jackfield.errors import ExecutionFailed
from jackfield.hosting import Deliver, Died, Likeness, Result, plain
from jackfield.transport import Freed, Link, Tensor, error_of, packed, unpacked
from jackfield_plugins.placement.process import messages as say
from jackfield_plugins.placement.process.child import Child
from jackfield_plugins.placement.process.limits import Watch
from jackfield_plugins.placement.process.status import Field

log = structlog.get_logger("jackfield.process")


class ProcessEngine:
    """Implements `Engine`. All state belongs to the event loop, but for `stop`."""

    def __init__(
        self,
        child: Child,
        likeness: Likeness,
        deliver: Deliver,
        died: Died,
        post: Callable[[Callable[[], None]], None],
        watch: Watch,
    ) -> None:
        self._child = child
        self._likeness = likeness
        self._deliver = deliver
        self._on_death = died
        self._post = post
        self._watch = watch
        self._works: dict[int, Work] = {}
        self._numbers: dict[Work, int] = {}
        self._next = 0
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(say.FromWorker)
        self._link = Link(child.link, self._take, self._ended, child.frames)
        self._states: tuple[Mapping[str, float], Mapping[str, float]] = ({}, {})
        self._over = threading.Event()
        self._stopping = False
        self._suspects: set[Work] = set()

    @property
    def waiting(self) -> int:
        """What the worker's page says, and what it has not taken in yet."""
        status = self._child.status
        return max(int(status.read(Field.WAITING) + self._next - status.read(Field.TAKEN)), 0)

    @property
    def waiting_rows(self) -> int:
        """As `waiting`; what is on its way counts one row each."""
        status = self._child.status
        return max(int(status.read(Field.WAITING_ROWS) + self._next - status.read(Field.TAKEN)), 0)

    @property
    def executing_since(self) -> float | None:
        """By the clock that both processes read."""
        self._look()
        return self._child.status.read(Field.SINCE) or None

    @property
    def suspects(self) -> Collection[Work]:
        """See `Engine`."""
        return self._suspects

    def policy_state(self) -> Mapping[str, float]:
        """What the worker told last."""
        return self._states[0]

    def executor_state(self) -> Mapping[str, float]:
        """What the worker told last."""
        return self._states[1]

    def worker_state(self) -> Mapping[str, float]:
        """Of its process."""
        return {"memory": self._child.memory()}

    def start(self) -> None:
        """Listen to the worker from now on."""
        self._post(self._listen)

    def submit(self, work: Work) -> None:
        """Send it. What cannot be sent fails."""
        number, self._next = self._next, self._next + 1
        mind = work.continuation
        request = work.request if mind is None or mind.request is None else mind.request
        inputs: dict[str, Tensor] = {}
        try:
            inputs = packed(request.inputs, self._child.arena)
            body = self._encoder.encode(
                say.Submit(
                    number,
                    request.model,
                    inputs,
                    request.version,
                    request.id,
                    request.outputs,
                    request.parameters,
                    request.priority,
                    request.tenant,
                    request.trace,
                    request.stream,
                    request.weight,
                    work.arrival,
                    work.deadline,
                )
            )
        except (TypeError, ValueError, OverflowError) as error:
            self._next = number
            for tensor in inputs.values():
                self._child.arena.give(tensor.offset)
            failure = ExecutionFailed(f"the request cannot be sent to another process: {error}")
            self._deliver([(work, failure)], ())
            return
        self._works[number] = work
        self._numbers[work] = number
        self._link.send(body)

    def withdraw(self, work: Work) -> None:
        """Tell the worker, unless it has answered."""
        number = self._numbers.pop(work, None)
        if number is not None:
            del self._works[number]
            self._link.send(self._encoder.encode(say.Withdraw(number)))

    def reconfigure(self, policy: Any, scheduler: Any, config: Any) -> None:
        """The worker makes them anew, out of the section."""
        self._link.send(self._encoder.encode(say.Configure(plain(config))))

    def stop(self, timeout: float) -> bool:
        """Have the worker end; what does not end in time is killed. Blocks. A second call has the first end in its
        time."""
        if self._stopping:
            if not self._child.wait(timeout):
                self._child.kill()
            return True
        self._stopping = True
        ended = self._over.is_set()
        if not ended:
            self._post(lambda: self._link.send(self._encoder.encode(say.Stop(timeout))))
            ended = self._child.wait(timeout)
            if not ended:
                log.warning("a worker did not end in time, and is killed", replica=self._child.name)
        self._post(self._forget)
        self._over.wait(1.0)
        self._child.close()
        if self._likeness.close is not None:
            self._likeness.close()
        return ended

    def _listen(self) -> None:
        if not self._stopping:
            self._link.attach()

    def _forget(self) -> None:
        """Listen no more."""
        self._link.detach()
        self._over.set()

    def _take(self, body: bytes) -> None:
        message = self._decoder.decode(body)
        if isinstance(message, say.Told):
            names = say.Report.__struct_fields__
            reports = [StepReport(*(getattr(one, name) for name in names)) for one in message.reports]
            for report in reports:
                if report.extra is not None:
                    make = self._likeness.extra
                    report.extra = None if make is None else make(report.extra, self._works.get)
            results = [pair for answer in message.answers if (pair := self._result(answer, reports)) is not None]
            self._deliver(results, reports)
        elif isinstance(message, Freed):
            for offset in message.offsets:
                self._child.arena.give(offset)
        elif isinstance(message, say.States):
            self._states = (message.policy, message.executor)
        elif isinstance(message, say.Died):
            self._watch.reason = message.reason
            self._child.kill()

    def _result(self, answer: say.Answered, reports: Sequence[StepReport]) -> tuple[Work, Result] | None:
        outputs = unpacked(answer.outputs or {}, self._child.incoming, self._link.free)
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
        return work, Response(outputs, parameters, answer.final, answer.spent)

    def _look(self) -> None:
        """At each heartbeat of the server: whether the worker shows signs of life, and keeps to its memory."""
        self._link.tell_freed()
        if not self._stopping and self._watch.wrong(self._child):
            self._child.kill()

    def _ended(self, fault: Exception | None) -> None:
        if fault is not None:
            log.error("a worker said what cannot be read", replica=self._child.name, exc_info=fault)
            self._child.kill()
        self._over.set()
        if self._stopping:
            return
        running = self._child.status.running
        self._suspects = {work for number, work in self._works.items() if running is None or number in running}
        self._works.clear()
        self._numbers.clear()
        self._on_death(self._watch.reason or self._child.ended())
