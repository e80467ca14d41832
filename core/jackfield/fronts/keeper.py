"""Starts the fronts, keeps them running, and ends them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import msgspec
import structlog

from jackfield.asgi import App
from jackfield.clock import MonotonicClock
from jackfield.config.plain import plain
from jackfield.errors import JackfieldError, PluginError
from jackfield.fronts import messages as say
from jackfield.fronts.desk import Desk
from jackfield.fronts.page import Count, Page
from jackfield.fronts.process import FrontProcess
from jackfield.fronts.view import Views
from jackfield.hosting import worker_logs
from jackfield.server import Traffic
from jackfield.transport import Link

log = structlog.get_logger("jackfield.fronts")

_HEARTBEAT = 0.1  # seconds between looks at what fronts must know, and at how they are
_SILENCE = 30.0  # seconds without a sign of life after which a front hangs
_START = 120.0  # seconds that a front may take until it listens
_SHORTEST, _LONGEST = 0.1, 10.0  # seconds before a front that died is started again, twice as many each time
_ENDING = 2.0  # seconds beyond its time that a front may take to end
_SETTLED = 60.0  # seconds after which a front's earlier deaths are forgotten
_encoder = msgspec.msgpack.Encoder()


class _Front:
    """One that runs. `since`: when it was started; `listening`: whether it got so far."""

    def __init__(self, process: FrontProcess, desk: Desk, since: float) -> None:
        self.process = process
        self.desk = desk
        self.since = since
        self.listening = False
        self.failure: JackfieldError | None = None
        self.reason = ""
        self.ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()


class Fronts:
    """Fronts of `app`, whose server was started; one for each of `listeners`, which are closed by `stop`. Used on the
    event loop."""

    def __init__(self, app: App, listeners: Sequence[socket.socket]) -> None:
        self._app = app
        self._server = app.server
        self._listeners = listeners
        self._now = MonotonicClock.now  # fronts write down when they were seen by this clock
        self._page = Page()
        self._views = Views(app.server, self._page, self._tell)
        self._fronts: dict[int, _Front] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._begin = self._beginning()

    async def start(self) -> None:
        """Start all and return when all listen. Raises PluginError or ConfigError if one cannot serve."""
        self._server.traffic = self.traffic
        loop = asyncio.get_running_loop()
        up: list[asyncio.Future[None]] = []
        self._views.look()
        self._tasks.append(asyncio.create_task(self._beat()))
        for number in range(len(self._listeners)):
            up.append(loop.create_future())
            self._tasks.append(asyncio.create_task(self._keep(number, up[-1])))
        await asyncio.gather(*up)

    def renew(self) -> None:
        """Have them read the certificate again."""
        self._tell(_encoder.encode(say.Renew()))

    def drain(self) -> None:
        """Have each answer end its connection from now on."""
        self._tell(_encoder.encode(say.Drain()))

    async def stop(self, timeout: float) -> None:
        """Have all end within `timeout` seconds, which is what clients get to read the last answers: they take no more
        connections."""
        self._stopping = True
        for listener in self._listeners:
            listener.close()
        running = list(self._fronts.values())
        for front in running:
            front.desk.link.send(_encoder.encode(say.Stop(timeout)))
        if running:
            await asyncio.wait([front.ended for front in running], timeout=timeout + _ENDING)
        self.kill()
        for task in self._tasks[:1]:
            task.cancel()
        waiting = [task for number, task in enumerate(self._tasks[1:]) if number not in self._fronts]
        for task in waiting:  # between two starts
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._page.close()

    def kill(self) -> None:
        """End all at once."""
        for front in self._fronts.values():
            front.process.kill()

    def traffic(self) -> list[Traffic]:
        """What each has done."""
        read = self._page.read
        return [
            Traffic(
                str(number),
                *(int(read(number, count)) for count in (Count.OPEN, Count.TAKEN, Count.REFUSED, Count.REQUESTS)),
            )
            for number in range(len(self._listeners))
        ]

    def _beginning(self) -> bytes:
        here = set(self._app.fronted)
        config = self._server.config
        own = {name: options for name, options in config.endpoints.items() if name in here}
        settings = config.server.model_copy(update={"keys": None, "admin": None})  # both are not for fronts to serve
        given = plain(config.model_copy(update={"models": {}, "observers": {}, "endpoints": own, "server": settings}))
        elsewhere = [prefix for prefix, name in self._app.prefixes.items() if name not in here]
        return _encoder.encode(say.Begin(given, elsewhere, worker_logs()))

    def _tell(self, body: bytes) -> None:
        for front in self._fronts.values():
            front.desk.link.send(body)

    async def _beat(self) -> None:
        while True:
            try:
                self._views.look()
                for number, front in list(self._fronts.items()):
                    front.desk.link.tell_freed()
                    self._watch(number, front)
            except Exception:  # it is no reason to leave the fronts alone
                log.exception("looking after fronts failed")
            await asyncio.sleep(_HEARTBEAT)

    def _watch(self, number: int, front: _Front) -> None:
        if front.reason:
            return
        seen = max(self._page.read(number, Count.BEAT), front.since)
        quiet = self._now() - seen
        if quiet > (_SILENCE if front.listening else _START):
            front.reason = f"its process has shown no sign of life for {quiet:.1f} s"
            front.process.kill()

    async def _keep(self, number: int, up: asyncio.Future[None]) -> None:
        deaths = 0
        while True:
            began = self._now()
            try:
                failure = await self._run(number, up)
            except OSError as error:
                failure = PluginError(f"a front process cannot be started: {error}")
            if self._stopping:
                up.cancel()
                return
            if not up.done():
                up.set_exception(failure)
                return
            deaths = 1 if self._now() - began > _SETTLED else deaths + 1
            delay = min(_SHORTEST * 2.0 ** (deaths - 1), _LONGEST)
            log.error("front is down", front=number, reason=str(failure), again_in_s=delay)
            await asyncio.sleep(delay)

    async def _run(self, number: int, up: asyncio.Future[None]) -> JackfieldError:
        """Start one and wait until it has ended: why it did."""
        process = FrontProcess(number, self._listeners[number], self._page)

        def listening() -> None:
            front.listening = True
            if not up.done():
                up.set_result(None)
            log.info("front listens", front=number, pid=process.process.pid)

        def failed(error: JackfieldError) -> None:
            front.failure = error

        desk = Desk(self._server, self._app, self._views, process.arena, process.incoming, listening, failed)
        front = _Front(process, desk, self._now())

        def broken(fault: Exception | None) -> None:
            if not front.ended.done():
                front.ended.set_result(fault)

        link = Link(process.connection, desk.take, broken)
        desk.open(link)
        self._fronts[number] = front
        try:
            link.send(self._begin)
            for body in self._views.all():
                link.send(body)
            link.attach()
            fault = await front.ended
            if fault is not None:
                log.error("a front said what cannot be read", front=number, exc_info=fault)
                process.kill()
            reason = front.reason or await asyncio.to_thread(process.ended)
        finally:
            del self._fronts[number]
            link.detach()
            desk.close()
            process.close()
            self._page.write(number, Count.OPEN, 0.0)
        return front.failure or PluginError(f"front {number}: {reason}")
