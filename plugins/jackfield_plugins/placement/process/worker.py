"""The child process: opens a model, runs its engine, and says what becomes of it.

Its main thread reads what the server sends; engine threads write what they have to say. When the server is gone, so is
this.
"""

from __future__ import annotations

import mmap
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog

from jackfield import Request, Response, StepReport
from jackfield.errors import JackfieldError
from jackfield.hosting import Host, Result, configure_worker_logs
from jackfield.transport import Arena, Frames, Freed, framed, packed, plain_value, unpacked
from jackfield_plugins.placement.process import messages as say
from jackfield_plugins.placement.process.status import Field, Status

log = structlog.get_logger("jackfield.process")

BEAT = 0.02  # seconds between two looks at the engine
_STATES = 0.5  # seconds between two reports of what policy and executor show
_READ = 1 << 18


class Worker:
    """`link`: to the server. `incoming`: the server's arena; `arena`: this side's. `status`: the page to write.
    `server`: its process."""

    def __init__(self, link: socket.socket, incoming: mmap.mmap, arena: Arena, status: Status, server: int) -> None:
        self._link = link
        self._server = server
        self._incoming = incoming
        self._arena = arena
        self._status = status
        self._sending = threading.Lock()
        self._encoder = msgspec.msgpack.Encoder(enc_hook=plain_value)
        self._decoder = msgspec.msgpack.Decoder(say.ToWorker)
        self._freed: deque[int] = deque()
        self._host: Host | None = None
        self._taken = 0
        self._told_states: tuple[dict[str, float], dict[str, float]] | None = None

    def run(self) -> None:
        """Until the server says so, or is gone."""
        frames = Frames()
        while True:
            data = self._link.recv(_READ)
            if not data:
                os._exit(1)  # engine threads may hang, and nobody is left to mind
            for body in frames.feed(data):
                message = self._decoder.decode(body)
                if isinstance(message, say.Stop):
                    self._stop(message.timeout)
                    return
                self._take(message)

    def _take(self, message: Any) -> None:
        host = self._host
        if isinstance(message, say.Submit):
            assert host is not None
            request = Request(
                message.model,
                unpacked(message.inputs, self._incoming, self._freed.append),
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
            host.submit(message.number, request, message.arrival, message.deadline)
            self._taken += 1
            self._look()
        elif isinstance(message, say.Withdraw):
            assert host is not None
            host.withdraw(message.number)
        elif isinstance(message, Freed):
            with self._sending:
                for offset in message.offsets:
                    self._arena.give(offset)
        elif isinstance(message, say.Configure):
            assert host is not None
            try:
                host.reconfigure(message.config)
            except Exception as error:  # the server could make of it what is needed, and this process cannot
                log.error("what was changed cannot be taken here: all stays as it was", reason=str(error))
        elif isinstance(message, say.Begin):
            self._begin(message)

    def _begin(self, message: say.Begin) -> None:
        configure_worker_logs(message.log)
        threading.Thread(target=self._beat, name="jackfield-beat", daemon=True).start()

        def progress(what: str, done: int, total: int) -> None:
            self._say(say.Doing(what, done, total))

        try:
            self._host = Host(
                message.name,
                message.model,
                message.config,
                self._told,
                self._died,
                progress,
                self._status.run,
                threads=message.threads,
            )
            self._say(say.Ready(self._host.facts.plain()))
        except JackfieldError as error:
            self._say(say.Failed(type(error).__name__, str(error)))
        except Exception as error:  # a plugin is foreign code
            self._say(say.Failed("LoadError", f"{type(error).__name__}: {error}"))

    def _stop(self, timeout: float) -> None:
        if self._host is not None:
            self._host.stop(timeout)
        self._link.close()
        os._exit(0)  # libraries' threads are none of our business at this point

    def _told(self, results: Sequence[tuple[int, Result, StepReport | None]], reports: Sequence[StepReport]) -> None:
        places = {id(report): place for place, report in enumerate(reports)}
        with self._sending:
            answers = [self._answered(number, result, places.get(id(report), -1)) for number, result, report in results]
            self._look()
            self._write(say.Told(answers, [_report(report) for report in reports]))

    def _answered(self, number: int, result: Result, place: int) -> say.Answered:
        if isinstance(result, Response):
            parameters = msgspec.to_builtins(result.parameters, enc_hook=plain_value, str_keys=False)
            outputs = packed(result.outputs, self._arena)
            return say.Answered(number, place, outputs, parameters, result.final, spent=result.spent)
        retry = getattr(result, "retry_after", 1.0)
        return say.Answered(number, place, None, {}, True, type(result).__name__, str(result), retry)

    def _died(self, reason: str) -> None:
        self._say(say.Died(reason))

    def _beat(self) -> None:
        """Shows that this process runs, and what its engine does."""
        states = time.monotonic()
        while True:
            if os.getppid() != self._server:  # it was killed, and whoever opens a model does not read the link
                os._exit(1)
            self._look()
            self._status.write(Field.BEAT, time.perf_counter())
            if self._freed:
                with self._sending:
                    self._flush()
            if self._host is not None and time.monotonic() - states >= _STATES:
                states = time.monotonic()
                self._tell_states(self._host)
            time.sleep(BEAT)

    def _look(self) -> None:
        status, host = self._status, self._host
        if host is not None:
            engine = host.engine
            status.write(Field.SINCE, engine.executing_since or 0.0)
            status.write(Field.WAITING, engine.waiting)
            status.write(Field.WAITING_ROWS, engine.waiting_rows)
            status.write(Field.TAKEN, self._taken)

    def _tell_states(self, host: Host) -> None:
        found = (dict(host.engine.policy_state()), dict(host.engine.executor_state()))
        if found != self._told_states:
            self._told_states = found
            self._say(say.States(*found))

    def _say(self, message: say.FromWorker) -> None:
        with self._sending:
            self._write(message)

    def _write(self, message: say.FromWorker) -> None:
        self._flush()
        self._send(message)

    def _flush(self) -> None:
        offsets = []
        while self._freed:
            offsets.append(self._freed.popleft())
        if offsets:
            self._send(Freed(offsets))

    def _send(self, message: say.FromWorker) -> None:
        try:
            self._link.sendall(framed(self._encoder.encode(message)))
        except OSError:  # the server is gone
            os._exit(1)


def main(arguments: Sequence[str]) -> None:
    """`arguments`: descriptors of link, incoming arena, own arena and status, the size of an arena, and the server's
    process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides, and says so
    link, incoming, own, status = (int(text) for text in arguments[:4])
    size = int(arguments[4])
    Worker(
        socket.socket(fileno=link),
        mmap.mmap(incoming, size),
        Arena(size, own),
        Status(status),
        int(arguments[5]),
    ).run()


def _report(report: StepReport) -> say.Report:
    return say.Report(*(getattr(report, name) for name in say.Report.__struct_fields__))


if __name__ == "__main__":
    main(sys.argv[1:])
