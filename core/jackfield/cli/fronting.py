"""Running the app behind front processes (`server.workers`)."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial

import structlog

from jackfield.asgi import App
from jackfield.cli.binding import bound
from jackfield.cli.reloading import Reloading
from jackfield.cli.stopping import Stopping
from jackfield.config import Config
from jackfield.errors import ConfigError, LoadError
from jackfield.fronts.keeper import Fronts
from jackfield.web.running import end_within, runner_of, settle_garbage, url_of
from jackfield.web.tls import Tls

log = structlog.get_logger("jackfield.serving")

_BACKLOG = 2048


async def serve_behind_fronts(app: App, read: Callable[[], Config] | None = None) -> None:
    """As `jackfield.cli.serving.serve`, with front processes that take the connections. Raises as that, and PluginError
    if no front can be started."""
    server = app.server
    settings = server.config.server
    began = time.monotonic()
    loop = asyncio.get_running_loop()
    over: asyncio.Future[float] = loop.create_future()
    tls = None if settings.tls is None else Tls(settings.tls)
    with ExitStack() as stack:
        listeners = _listeners(settings.host, settings.port, settings.workers, stack)
        admin = None
        if settings.admin is not None:
            admin = stack.enter_context(bound(settings.admin.host, settings.admin.port, "server.admin"))
        async with app.lifespan():
            fronts = Fronts(app, listeners)
            if tls is not None:
                server.renewals += [tls.renew, partial(_post, loop, fronts.renew)]
            Reloading(server, read).listen()
            stopping = Stopping(server, fronts.drain, partial(_end, over))
            stopping.listen()
            server.drain = stopping.begin
            apart = runner_of(app.admin, _no_shortcut, settings, None if tls is None else tls.context, lifespan="off")
            administration = None if admin is None else asyncio.create_task(apart.serve(sockets=[admin]))
            if admin is not None:
                log.info("listening for administration", url=url_of(admin, tls is not None))
            starting = asyncio.create_task(_announce(app, fronts, url_of(listeners[0], tls is not None), began))
            left = 0.0
            try:
                await asyncio.wait((starting, over), return_when=asyncio.FIRST_COMPLETED)
                if starting.done() and not starting.cancelled() and starting.exception() is not None:
                    stopping.begin()
                left = await over
            finally:
                starting.cancel()
                outcome = (await asyncio.gather(starting, return_exceptions=True))[0]
                end_within(apart, left)
                await fronts.stop(left)
                if administration is not None:
                    await administration
            if isinstance(outcome, Exception):
                raise outcome


def _post(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(call)


def _no_shortcut(method: str, path: str, headers: Mapping[bytes, bytes]) -> None:
    return None


def _end(over: asyncio.Future[float], left: float) -> None:
    if not over.done():
        over.set_result(left)


async def _announce(app: App, fronts: Fronts, url: str, began: float) -> None:
    await fronts.start()
    log.info("listening", url=url)
    try:
        await app.server.loaded()
    except LoadError:
        if app.server.config.server.exit_on_load_error:
            raise
        return
    settle_garbage()
    log.info("ready", url=url, seconds=round(time.monotonic() - began, 2))


def _listeners(host: str, port: int, count: int, stack: ExitStack) -> list[socket.socket]:
    """One for each front, so that each gets its share of the connections; they are bound here, before anything is
    started, and stay open here, so that a connection outlives a front that has not taken it yet."""
    if sys.platform != "linux":
        raise ConfigError(f"server.workers: got {count}, expected 1: front processes need Linux")
    found: list[socket.socket] = []
    for _ in range(count):
        listener = stack.enter_context(bound(host, port, shared=True))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        port = listener.getsockname()[1]
        found.append(listener)
    return found
