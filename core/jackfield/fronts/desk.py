"""Where requests of one front come in, beside the models."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import structlog

from jackfield.errors import ExecutionFailed, JackfieldError, Unavailable
from jackfield.fronts import messages as say
from jackfield.fronts.relayed import Relayed
from jackfield.fronts.view import Views
from jackfield.interfaces.endpoint import ASGIApp
from jackfield.lifecycle.version import Version
from jackfield.server import Server
from jackfield.stream import Stream
from jackfield.transport import Arena, Freed, Link, error_of, packed, plain_value, unpacked
from jackfield.work import Request, Response, Result, Work

log = structlog.get_logger("jackfield.fronts")

_MOST_WAITING = 1 << 24  # bytes that may wait for a front before its streams wait, too
_encoder = msgspec.msgpack.Encoder(enc_hook=plain_value)


class Desk:
    """Used on the event loop. `app` answers what the front does not. `arena` is where large tensors for the front are
    put, `incoming` where it puts its own. `listening` is called when it listens, `failed` with why it cannot."""

    def __init__(
        self,
        server: Server,
        app: ASGIApp,
        views: Views,
        arena: Arena,
        incoming: mmap.mmap,
        listening: Callable[[], None],
        failed: Callable[[JackfieldError], None],
    ) -> None:
        self.link: Link
        """Set before anything comes."""
        self._server = server
        self._app = app
        self._views = views
        self._arena = arena
        self._incoming = incoming
        self._works: dict[int, Work] = {}
        self._streams: dict[int, tuple[Stream, asyncio.Task[None]]] = {}
        self._relayed: Relayed
        self._decoder = msgspec.msgpack.Decoder(say.FromFront)
        self._handlers: dict[type, Callable[[Any], None]] = {
            say.Submit: self._submit,
            say.Withdraw: self._withdraw,
            say.Refused: self._refused,
            Freed: self._freed,
            say.Listening: lambda message: listening(),
            say.Failed: lambda message: failed(error_of(message.error, message.message)),
        }

    def open(self, link: Link) -> None:
        """From here on it takes what comes over `link`."""
        self.link = link
        self._relayed = Relayed(self._app, link, self._views.look)
        self._handlers |= {
            say.Relay: self._relayed.begin,
            say.Part: self._relayed.part,
            say.Wrote: self._relayed.wrote,
        }

    def take(self, body: bytes) -> None:
        """A message has come. Raises what shows that nothing can be understood."""
        message = self._decoder.decode(body)
        self._handlers[type(message)](message)

    def close(self) -> None:
        """The front is gone: nobody waits for its requests."""
        works, self._works = self._works, {}
        for work in works.values():
            self._server.cancel(work)
        for stream, task in self._streams.values():
            _end(stream, task)
        self._relayed.close()

    def _submit(self, message: say.Submit) -> None:
        server, number = self._server, message.number
        timeout = message.timeout
        if timeout is not None:
            timeout = max(timeout - (server.clock.now() - message.asked), 0.0)
        request = Request(
            message.model,
            unpacked(message.inputs, self._incoming, self.link.free),
            message.version,
            message.id,
            message.outputs,
            message.parameters,
            message.priority,
            timeout,
            message.tenant,
            message.trace,
            message.stream,
        )
        try:
            if server.keys.table is not None:
                raise Unavailable("keys are asked for from now on: send one")  # its front learns of it at this moment
            if message.stream:
                stream = server.stream(request)
                assert stream.work is not None
                work = stream.work
                task = asyncio.ensure_future(self._pass_on(number, stream))
                self._streams[number] = stream, task
                task.add_done_callback(partial(self._passed, number))
                self.link.send(_encoder.encode(say.Accepted(number)))
            else:
                work = server.submit(request, partial(self._told, number))
                if work.final is None:
                    self._works[number] = work
            self._views.look_for_room(work.version)
        except JackfieldError as error:
            self._answer(number, 0, None, error)

    def _withdraw(self, message: say.Withdraw) -> None:
        number = message.number
        work = self._works.get(number)
        if work is not None:
            self._server.cancel(work)
        elif number in self._streams:
            _end(*self._streams[number])
        else:
            self._relayed.withdraw(number)

    def _refused(self, message: say.Refused) -> None:
        try:
            version = self._server.model(message.model).version(message.version)
        except JackfieldError:  # it is gone meanwhile, and its counters with it
            return
        for _ in range(message.count):
            version.refused(error_of(message.error, "refused in a front"))

    def _freed(self, message: Freed) -> None:
        for offset in message.offsets:
            self._arena.give(offset)

    def _told(self, number: int, work: Work, result: Result) -> None:
        self._works.pop(number, None)
        version: Version = work.version
        self._answer(number, self._views.key(version), work, result)
        if self._views.is_full(version):
            self._views.look_for_room(version)
        else:
            self._views.look_for_bytes(version)

    async def _pass_on(self, number: int, stream: Stream) -> None:
        """What a stream gives, as it comes."""
        work = stream.work
        assert work is not None
        key = self._views.key(work.version)
        try:
            async with stream:
                async for response in stream:
                    for one in (response, *stream.ready()):
                        self._answer(number, key, work, one)
                    if self.link.waiting > _MOST_WAITING:
                        await self.link.drained()
        except JackfieldError as error:
            self._answer(number, key, work, error)

    def _passed(self, number: int, task: asyncio.Task[None]) -> None:
        del self._streams[number]

    def _answer(self, number: int, key: int, work: Work | None, result: Result) -> None:
        try:
            self.link.send(_encoder.encode(self._answered(number, key, work, result)))
        except (TypeError, ValueError, OverflowError) as error:
            failure = ExecutionFailed(f"the response cannot be handed to a front: {error}")
            self.link.send(_encoder.encode(self._answered(number, key, work, failure)))

    def _answered(self, number: int, key: int, work: Work | None, result: Result) -> say.Answered:
        took, step = 0.0, None
        if work is not None:
            took = (work.finished if work.final is not None else self._server.clock.now()) - work.arrival
            report = work.report
            if report is not None:
                step = report.rows, report.prepare, report.execute, report.finish
        if isinstance(result, Response):
            outputs = packed(result.outputs, self._arena)
            return say.Answered(number, key, outputs, result.parameters, result.final, took, step)
        retry = getattr(result, "retry_after", 1.0)
        return say.Answered(number, key, None, {}, True, took, step, type(result).__name__, str(result), retry)


def _end(stream: Stream, task: asyncio.Task[None]) -> None:
    """Nobody reads it any more. The task may not have begun, and then would not end the request."""
    stream.close()
    task.cancel()
