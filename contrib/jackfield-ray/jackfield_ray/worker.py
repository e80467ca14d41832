"""What runs in an actor: opens a model, runs its engine, and says what becomes of it.

Two of Ray's threads are in it: one is in `run` for as long as the actor lives, the other takes in what the server sends.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence

import jackfield
import msgspec
import ray
import structlog
from jackfield import Array, Request, Response, StepReport
from jackfield.errors import JackfieldError
from jackfield.hosting import Host, Result, configure_worker_logs
from jackfield.transport import plain_value

from jackfield_ray import messages as say
from jackfield_ray.outbox import Outbox
from jackfield_ray.tensors import packed, unpacked

log = structlog.get_logger("jackfield.ray")

_STATES = 0.4  # seconds between two looks at what policy and executor show
_REPORT = [name for name in say.Report.__struct_fields__ if name != "ago"]


class Worker:
    """The actor. What it is given as `bytes` Ray does not unpickle; what is beside it are arrays."""

    def __init__(self) -> None:
        self._encoder = msgspec.msgpack.Encoder(enc_hook=plain_value)
        self._decoder = msgspec.msgpack.Decoder(list[say.ToWorker])
        self._outbox = Outbox(self._encoder, self._now)
        self._host: Host | None = None
        self._order = threading.Lock()
        self._early: dict[int, tuple[bytes, Sequence[Array]]] = {}
        self._calls = self._taken = 0
        self._told_states: say.States | None = None
        self._look_again = 0.0

    def where(self) -> tuple[str, str, int, str]:
        """Ray's name of the node, its address, the process, and the version of Jackfield that is there."""
        node = ray.util.get_node_ip_address()
        return ray.get_runtime_context().get_node_id(), node, os.getpid(), jackfield.__version__

    def run(self, body: bytes) -> Iterator[bytes | list[bytes | Array]]:
        """Open what `body` says, a `Begin`; then say what happens until it is told to stop."""
        begin = msgspec.msgpack.decode(body, type=say.Begin)
        configure_worker_logs(begin.log)
        threading.Thread(target=self._open, args=(begin,), name="jackfield-open", daemon=True).start()
        yield from self._outbox

    def take(self, call: int, body: bytes, *beside: Array) -> None:
        """Take in what the server sends. Ray may run calls in another order than that in which they were made."""
        with self._order:
            self._early[call] = (body, beside)
            while (due := self._early.pop(self._calls, None)) is not None:
                try:
                    for message in self._decoder.decode(due[0]):
                        self._take(message, due[1])
                except Exception as error:  # what is lost here would never be answered
                    log.exception("what the server sent cannot be taken in")
                    self._died(f"what was sent to it cannot be taken in: {type(error).__name__}: {error}")
                self._calls += 1

    def _take(self, message: say.ToWorker, beside: Sequence[Array]) -> None:
        host = self._host
        assert host is not None
        if isinstance(message, say.Submit):
            now = time.perf_counter()
            request = Request(
                message.model,
                unpacked(message.inputs, beside),
                message.version,
                message.id,
                message.outputs,
                message.parameters,
                message.priority,
                None,
                message.tenant,
                message.trace,
                message.stream,
                message.weight,
            )
            deadline = None if message.left is None else now + message.left
            self._taken += 1
            host.submit(message.number, request, now - message.age, deadline)
        elif isinstance(message, say.Withdraw):
            host.withdraw(message.number)
        elif isinstance(message, say.Configure):
            try:
                host.reconfigure(message.config)
            except Exception as error:  # the server could make of it what is needed, and this actor cannot
                log.error("what was changed cannot be taken here: all stays as it was", reason=str(error))
        else:
            host.stop(message.timeout)
            self._outbox.close()

    def _open(self, begin: say.Begin) -> None:
        def progress(what: str, done: int, total: int) -> None:
            self._outbox.put(lambda beside: say.Doing(what, done, total))

        try:
            host = self._host = Host(
                begin.name,
                begin.model,
                begin.config,
                self._told,
                self._died,
                progress,
                self._outbox.run,
                threads=begin.threads,
            )
            facts = host.facts.plain()
            self._outbox.put(lambda beside: say.Ready(facts))
        except JackfieldError as error:
            self._fail(type(error).__name__, str(error))
        except Exception as error:  # a plugin is foreign code
            self._fail("LoadError", f"{type(error).__name__}: {error}")

    def _fail(self, kind: str, message: str) -> None:
        self._outbox.put(lambda beside: say.Failed(kind, message))
        self._outbox.close()

    def _told(self, results: Sequence[tuple[int, Result, StepReport | None]], reports: Sequence[StepReport]) -> None:
        places = {id(report): place for place, report in enumerate(reports)}

        def told(beside: list[Array]) -> say.Told:
            answers = [_answered(number, result, places.get(id(one), -1), beside) for number, result, one in results]
            now = time.perf_counter()
            return say.Told(answers, [_report(report, now) for report in reports])

        self._outbox.put(told)

    def _died(self, reason: str) -> None:
        self._outbox.put(lambda beside: say.Died(reason))

    def _now(self, running: tuple[int, ...] | None) -> list[say.FromWorker]:
        host = self._host
        if host is None:
            return [say.Now(self._calls, self._taken, 0, 0, None, running)]
        engine = host.engine
        since = engine.executing_since
        busy = None if since is None else max(time.perf_counter() - since, 0.0)
        told: list[say.FromWorker] = [
            say.Now(self._calls, self._taken, engine.waiting, engine.waiting_rows, busy, running)
        ]
        now = time.monotonic()
        if now >= self._look_again:
            self._look_again = now + _STATES
            states = say.States(dict(engine.policy_state()), dict(engine.executor_state()))
            if states != self._told_states:
                self._told_states = states
                told.append(states)
        return told


def _answered(number: int, result: Result, place: int, beside: list[Array]) -> say.Answered:
    if not isinstance(result, Response):
        retry = getattr(result, "retry_after", 1.0)
        return say.Answered(number, place, {}, {}, True, type(result).__name__, str(result), retry)
    try:
        parameters = msgspec.to_builtins(result.parameters, enc_hook=plain_value, str_keys=False)
    except (TypeError, ValueError) as error:
        return say.Answered(number, place, {}, {}, True, "ExecutionFailed", f"the answer cannot be sent: {error}")
    return say.Answered(number, place, packed(result.outputs, beside), parameters, result.final, spent=result.spent)


def _report(report: StepReport, now: float) -> say.Report:
    return say.Report(ago=now - report.started, **{name: getattr(report, name) for name in _REPORT})
