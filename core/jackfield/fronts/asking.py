"""Requests that a front hands to where the models are, and what comes back."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from jackfield.clock import Clock
from jackfield.errors import Cancelled, Expired, InvalidRequest, JackfieldError
from jackfield.fronts import messages as say
from jackfield.stream import Stream
from jackfield.transport import Arena, Link, error_of, packed, plain_value, unpacked
from jackfield.work import Request, Response, Result, Sink, State, StepReport, Work

_encoder = msgspec.msgpack.Encoder(enc_hook=plain_value)


class Held:
    """Stands where work has its replica; `version` is what stands for that. `parameters`: see `Likeness`."""

    def __init__(self, asking: Asking, version: Any, key: int, signature: Any, parameters: Mapping[str, Any]) -> None:
        self.version = version
        self.key = key
        self.signature = signature
        self.parameters = parameters
        self.cancel = asking.cancel


class Asking:
    """Used on the event loop. `arena` is where this side puts large tensors, `incoming` where the other does. `held`
    tells what stands for the version with a key, None if it is not known here."""

    def __init__(
        self, link: Link, arena: Arena, incoming: mmap.mmap, clock: Clock, held: Callable[[int], Held | None]
    ) -> None:
        self._link = link
        self._arena = arena
        self._incoming = incoming
        self._now = clock.now
        self._held = held
        self._next = 0
        self._works: dict[int, Work] = {}
        self._numbers: dict[Work, int] = {}
        self._begun: dict[int, asyncio.Future[None]] = {}

    def number(self) -> int:
        """A new number for what goes to the other side."""
        self._next += 1
        return self._next

    def submit(self, held: Held, request: Request, told: Sink | None) -> Work:
        """As `Version.submit`, but for refusals: these are results, too. Raises InvalidRequest for what cannot be
        sent."""
        work = self._work(held, request, _settled)
        if told is None:
            work.future = asyncio.get_running_loop().create_future()
        else:
            work.told = told
        self._send(work)
        return work

    def stream(self, held: Held, request: Request, buffer: int) -> Stream:
        """As `Version.stream`; whether it is accepted, `Stream.accepted` tells."""
        request.stream = True
        stream = Stream(buffer, self.cancel)
        work = self._work(held, request, _streamed)
        work.future = stream
        number = self._send(work)
        stream.work = work
        stream.accepted = self._begun[number] = asyncio.get_running_loop().create_future()
        return stream

    def cancel(self, work: Work) -> None:
        """Nobody waits for `work` any more; it is settled at once."""
        number = self._numbers.get(work)
        if number is not None:
            self._link.send(_encoder.encode(say.Withdraw(number)))
            self._settle(number, work, Cancelled("the request was cancelled"))

    def accepted(self, message: say.Accepted) -> None:
        """A stream has begun."""
        begun = self._begun.pop(message.number, None)
        if begun is not None and not begun.done():
            begun.set_result(None)

    def answered(self, message: say.Answered) -> None:
        """A result has come."""
        outputs = unpacked(message.outputs or {}, self._incoming, self._link.free)
        work = self._works.get(message.number)
        if work is None:  # it was withdrawn
            return
        if message.key != work.replica.key and (held := self._held(message.key)) is not None:
            work.replica, work.version = held, held.version  # another version than it was meant for
        if message.step is not None:
            rows, prepare, execute, finish = message.step
            work.report = StepReport("", rows, rows, work.arrival, prepare, execute, finish)
        work.finished = work.arrival + message.took
        if message.error:
            self._settle(message.number, work, error_of(message.error, message.message, message.retry_after))
            return
        types = work.replica.parameters
        parameters = {
            name: msgspec.convert(value, types[name], strict=False) if name in types else value
            for name, value in message.parameters.items()
        }
        self._settle(message.number, work, Response(outputs, parameters, message.final))

    def _work(self, held: Held, request: Request, sink: Sink) -> Work:
        work = Work(request, 0, 0, None, self._now(), None, sink)
        work.replica, work.version = held, held.version
        return work

    def _send(self, work: Work) -> int:
        request = work.request
        number = self.number()
        inputs = packed(request.inputs, self._arena)
        try:
            self._link.send(
                _encoder.encode(
                    say.Submit(
                        number,
                        request.model,
                        inputs,
                        request.version,
                        request.id,
                        request.outputs,
                        request.parameters,
                        request.priority,
                        request.timeout,
                        request.tenant,
                        request.trace,
                        request.stream,
                        work.arrival,
                    )
                )
            )
        except (TypeError, ValueError, OverflowError) as error:
            for tensor in inputs.values():
                self._arena.give(tensor.offset)
            raise InvalidRequest(f"the request cannot be handed to the models' process: {error}") from error
        self._works[number] = work
        self._numbers[work] = number
        return number

    def _settle(self, number: int, work: Work, result: Result) -> None:
        if isinstance(result, JackfieldError):
            work.error = result
            work.final = _STATES.get(type(result), State.FAILED)
        elif result.final:
            work.final = State.COMPLETED
        if work.final is not None:
            del self._works[number], self._numbers[work]
            begun = self._begun.pop(number, None)
            if begun is not None and not begun.done():
                if isinstance(result, JackfieldError):
                    begun.set_exception(result)
                    begun.exception()  # it is told by the stream, too
                else:
                    begun.set_result(None)
        work.sink(work, result)


_STATES: Mapping[type[JackfieldError], State] = {Cancelled: State.CANCELLED, Expired: State.EXPIRED}


def _settled(work: Work, result: Result) -> None:
    if work.told is not None:
        work.told(work, result)
        return
    future = work.future
    if not future.done():
        if isinstance(result, Response):
            future.set_result(result)
        elif isinstance(result, Cancelled):
            future.cancel()
        else:
            future.set_exception(result)


def _streamed(work: Work, result: Result) -> None:
    work.future.feed(work, result)
