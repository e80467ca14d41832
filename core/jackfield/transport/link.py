"""One end of a connection to another process, on an event loop."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

import msgspec

from jackfield.transport.frames import Frames, framed
from jackfield.transport.plain import Freed

_READ = 1 << 18
_encoder = msgspec.msgpack.Encoder()


class Link:
    """`take` gets each message's body; what it raises is for `broken`, which is told as well when the other side is
    gone (None then). Both are called on the event loop, `broken` at most once, and nothing is read after it.

    All methods are for the event loop, but for `free`. What is sent goes out at the end of the loop's turn, in one go;
    it is not bounded here: `waiting` tells how many bytes wait. The socket stays its owner's to close.
    """

    def __init__(
        self,
        connection: socket.socket,
        take: Callable[[bytes], None],
        broken: Callable[[Exception | None], None],
        frames: Frames | None = None,
    ) -> None:
        self._connection = connection
        self._take = take
        self._broken = broken
        self._frames = frames if frames is not None else Frames()
        self._out = bytearray()
        self._freed: deque[int] = deque()
        self._flushing = self._writing = self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._drained: asyncio.Event = asyncio.Event()
        self._drained.set()

    @property
    def waiting(self) -> int:
        """Bytes that the other side has not taken yet."""
        return len(self._out)

    def attach(self) -> None:
        """Send and receive from now on, on the loop that runs."""
        if self._closed:
            return
        self._connection.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._connection, self._read)
        if self._out:
            self._flush()

    def detach(self) -> None:
        """Neither send nor receive any more; what waits is dropped."""
        self._closed = True
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.remove_reader(self._connection)
            loop.remove_writer(self._connection)
        self._out.clear()
        self._drained.set()

    def send(self, body: bytes) -> None:
        """Send a message; nothing happens if the other side is gone. Raises ValueError if it is too long."""
        if not self._closed:
            self._out += framed(body)
            self._flush_soon()

    def free(self, offset: int) -> None:
        """Nobody reads this part of the other side's arena any more: it is told so before long. Any thread."""
        self._freed.append(offset)

    def tell_freed(self) -> None:
        """Tell it soon. To be called now and then, for the case that nothing else is sent."""
        if self._freed:
            self._flush_soon()

    async def drained(self) -> None:
        """Wait until the other side has taken what was sent, or is gone."""
        if self._out:
            self._drained.clear()
            await self._drained.wait()

    def _flush_soon(self) -> None:
        if self._loop is not None and not self._flushing and not self._writing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._loop is None:
            return
        if self._freed:
            offsets = []
            while self._freed:
                offsets.append(self._freed.popleft())
            self._out += framed(_encoder.encode(Freed(offsets)))
        try:
            sent = self._connection.send(self._out)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            return  # it is gone, and reading tells
        del self._out[:sent]
        if self._out:
            if not self._writing:
                self._writing = True
                self._loop.add_writer(self._connection, self._flush)
            return
        self._drained.set()
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._connection)

    def _read(self) -> None:
        try:
            data = self._connection.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.detach()
            self._broken(None)
            return
        try:
            for body in self._frames.feed(data):
                self._take(body)
        except Exception as error:  # what nobody understands any more cannot be gone on with
            self.detach()
            self._broken(error)
