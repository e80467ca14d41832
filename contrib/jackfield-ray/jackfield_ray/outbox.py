"""What an actor has to say, put together as long as what came before is on its way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec
from jackfield import Array

from jackfield_ray import messages as say

BEAT = 0.5  # seconds between two signs of life
_SOON = 0.002  # seconds that a step runs before it is told which works are in it: most are over by then


class Outbox:
    """`now` tells how the engine is, given which works are on the device, None if that has not changed; it is asked when
    something is sent. All but iterating: any thread."""

    def __init__(
        self, encoder: msgspec.msgpack.Encoder, now: Callable[[tuple[int, ...] | None], Sequence[say.FromWorker]]
    ) -> None:
        self._encoder = encoder
        self._now = now
        self._change = threading.Condition()
        self._messages: list[say.FromWorker] = []
        self._arrays: list[Array] = []
        self._running: tuple[int, ...] = ()
        self._told: tuple[int, ...] = ()
        self._since = 0.0
        self._closed = False

    def put(self, make: Callable[[list[Array]], say.FromWorker]) -> None:
        """Say what `make` makes, which may append arrays to those beside the messages."""
        with self._change:
            self._messages.append(make(self._arrays))
            self._change.notify()

    def run(self, numbers: Sequence[int]) -> None:
        """Works with these numbers are on the device now."""
        with self._change:
            self._running = tuple(numbers)
            self._since = time.monotonic()
            if numbers and self._running != self._told:
                self._change.notify()

    def close(self) -> None:
        """End when all is said."""
        with self._change:
            self._closed = True
            self._change.notify()

    def __iter__(self) -> Iterator[bytes | list[bytes | Array]]:
        """Bodies of messages, with arrays beside them where there are any."""
        while True:
            with self._change:
                self._wait()
                messages, self._messages = self._messages, []
                arrays, self._arrays = self._arrays, []
                changed = self._running if self._running != self._told else None
                self._told = self._running
                closed = self._closed
            messages += self._now(changed)
            body = self._encoder.encode(messages)
            yield [body, *arrays] if arrays else body
            if closed:
                return

    def _wait(self) -> None:
        beat = time.monotonic() + BEAT
        while not self._messages and not self._closed:
            left = beat - time.monotonic()
            if self._running and self._running != self._told:
                left = min(left, self._since + _SOON - time.monotonic())
            if left <= 0:
                return
            self._change.wait(left)
