"""A front process: listens, runs endpoints, and hands requests to where the models are.

When the process with the models is gone, so is this.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import msgspec
import structlog
import uvicorn

from jackfield.asgi import App
from jackfield.clock import MonotonicClock
from jackfield.config.load import load
from jackfield.config.models import Config
from jackfield.errors import JackfieldError, PluginError
from jackfield.fronts import messages as say
from jackfield.fronts.asking import Asking
from jackfield.fronts.elsewhere import Elsewhere
from jackfield.fronts.page import Count, Page
from jackfield.fronts.process import ARENA
from jackfield.fronts.relaying import Relaying
from jackfield.fronts.routing import FrontApp
from jackfield.fronts.showing import Showing
from jackfield.fronts.standin import FrontServer
from jackfield.hosting import configure_worker_logs
from jackfield.plugins.registry import Registry
from jackfield.server import Server
from jackfield.transport import Arena, Frames, Freed, Link, framed
from jackfield.web.quick import QuickProtocol
from jackfield.web.running import end_within, last_answers, loop_factory, runner_of, settle_garbage
from jackfield.web.tls import Tls

log = structlog.get_logger("jackfield.fronts")

_READ = 1 << 18
_ASKED = "an endpoint that says `fronts` asks for '{}' of the server when it is made, which a front does not have"
_HEARTBEAT = 0.1  # seconds between signs of life
_encoder = msgspec.msgpack.Encoder()


class CountedProtocol(QuickProtocol):
    """Connections are counted, and their number limited, over all fronts. Subclass it to set `page` and `front`."""

    page: ClassVar[Page]
    front: ClassVar[int]

    def crowded(self) -> bool:
        """See `BoundedProtocol`."""
        page, front = self.page, self.front
        page.write(front, Count.TAKEN, page.read(front, Count.TAKEN) + 1)
        page.write(front, Count.OPEN, len(self.connections))
        if page.total(Count.OPEN) <= self.limits.max_connections:
            return False
        page.write(front, Count.OPEN, len(self.connections) - 1)
        page.write(front, Count.REFUSED, page.read(front, Count.REFUSED) + 1)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.page.write(self.front, Count.OPEN, len(self.connections))


class Front:
    """`connection`: to the process with the models, of which `frames` has read `begin` and `read` is what came with it.
    `arena` is this side's, `incoming` the other's. Raises a JackfieldError if it cannot be put together."""

    def __init__(
        self,
        number: int,
        begin: say.Begin,
        read: Sequence[bytes],
        frames: Frames,
        connection: socket.socket,
        arena: Arena,
        incoming: mmap.mmap,
        page: Page,
    ) -> None:
        registry = Registry.installed()
        clock = MonotonicClock()
        self._now = clock.now
        self._number = number
        self._page = page
        self._read = read
        self._arena = arena
        self._decoder = msgspec.msgpack.Decoder(say.ToFront)
        self._link = Link(connection, self._take, self._broken, frames)
        config: Config = load(begin.config, registry)
        server = self._server = FrontServer(config, registry, clock, self._link, page)
        asking = server.asking = Asking(self._link, arena, incoming, clock, server.held)
        self._asking = asking
        self._showing = Showing(server, registry)
        self._relaying = Relaying(self._link, asking.number)
        self._app = FrontApp(App(cast(Server, server), wait=False), server, begin.elsewhere, self._relaying)
        protocol = type("Protocol", (CountedProtocol,), {"page": page, "front": number})
        self._tls = None if config.server.tls is None else Tls(config.server.tls)
        context = None if self._tls is None else self._tls.context
        self._runner: uvicorn.Server = runner_of(self._app, self._app.shortcut, config.server, context, protocol)
        self._renewing: set[asyncio.Task[None]] = set()
        self._answered = page.read(number, Count.REQUESTS)

    async def serve(self, listener: socket.socket) -> None:
        """Until it is told to stop."""
        for body in self._read:
            self._take(body)
        self._link.attach()
        heart = asyncio.create_task(self._beat())
        try:
            await self._runner.serve(sockets=[listener])
        finally:
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)
            self._count()
            await self._showing.close()

    def _take(self, body: bytes) -> None:
        message: Any = self._decoder.decode(body)
        match message:
            case say.Answered():
                self._asking.answered(message)
            case say.Accepted():
                self._asking.accepted(message)
            case Freed():
                for offset in message.offsets:
                    self._arena.give(offset)
            case say.More() | say.Sent() | say.Over():
                self._relaying.take(message)
            case say.Room():
                self._server.room(message)
            case say.View():
                self._showing.view(message)
            case say.Portrait():
                self._showing.portrait(message)
            case say.Renew():
                task = asyncio.ensure_future(self._renew())
                self._renewing.add(task)
                task.add_done_callback(self._renewing.discard)
            case say.Drain():
                last_answers(self._runner)
            case say.Stop():
                end_within(self._runner, message.left)

    def _broken(self, fault: Exception | None) -> None:
        """There is nobody left to ask."""
        if fault is not None:
            log.error("the models' process said what cannot be read", front=self._number, exc_info=fault)
        os._exit(1)

    async def _beat(self) -> None:
        listening = False
        while True:
            self._count()
            self._link.tell_freed()
            if self._runner.started and not listening:
                listening = True
                settle_garbage()
                self._link.send(_encoder.encode(say.Listening()))
            await asyncio.sleep(_HEARTBEAT if listening else 0.005)

    async def _renew(self) -> None:
        try:
            if self._tls is not None:
                await asyncio.to_thread(self._tls.renew)
        except JackfieldError as error:
            log.error("the certificate was not renewed in a front", front=self._number, reason=str(error))

    def _count(self) -> None:
        page, number = self._page, self._number
        page.write(number, Count.BEAT, self._now())
        page.write(number, Count.REQUESTS, self._answered + self._runner.server_state.total_requests)


def main(arguments: Sequence[str]) -> None:
    """`arguments`: the number of this front, and descriptors of link, the other's arena, its own, page and listener."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process with the models decides, and says so
    number, link, theirs, own, page, listener = (int(text) for text in arguments)
    connection = socket.socket(fileno=link)
    frames = Frames()
    first, *read = _first(connection, frames)
    begin = msgspec.msgpack.decode(first, type=say.Begin)
    configure_worker_logs(begin.log)
    try:
        front = Front(number, begin, read, frames, connection, Arena(ARENA, own), mmap.mmap(theirs, ARENA), Page(page))
    except (JackfieldError, Elsewhere) as missing:
        error = missing if isinstance(missing, JackfieldError) else PluginError(_ASKED.format(missing))
        connection.sendall(framed(_encoder.encode(say.Failed(type(error).__name__, str(error)))))
        os._exit(1)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(front.serve(socket.socket(fileno=listener)))
    os._exit(0)  # libraries' threads are none of our business at this point


def _first(connection: socket.socket, frames: Frames) -> list[bytes]:
    """What comes first, at least one message."""
    while True:
        data = connection.recv(_READ)
        if not data:
            os._exit(1)
        found = list(frames.feed(data))
        if found:
            return found


if __name__ == "__main__":
    main(sys.argv[1:])
