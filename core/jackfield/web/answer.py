"""What an answer needs of its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class AnswerTransport:
    """Writes an answer's head together with what follows it in the same turn of the event loop: one system call instead
    of two. A head that nothing follows at once goes out alone."""

    __slots__ = ("_begun", "_end", "_head", "_loop", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, end: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._end = end
        self._loop = loop
        self._head: bytes | None = None
        self._begun = False
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Write `data`, the first of it a little later."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.writelines((head, data))
        elif self._begun:
            self._transport.write(data)
        else:
            self._begun = True
            self._head = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """End the answer."""
        self._flush()
        self._end()

    def _flush(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.write(head)
