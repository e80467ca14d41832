"""Running the app alone, under uvicorn."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import structlog
import uvicorn

from jackfield.asgi import App
from jackfield.cli.apart import apart
from jackfield.cli.binding import bound
from jackfield.cli.reloading import Reloading
from jackfield.cli.stopping import Stopping
from jackfield.config import Config
from jackfield.errors import LoadError
from jackfield.web.running import end_within, last_answers, runner_of, settle_garbage, url_of
from jackfield.web.tls import Tls

log = structlog.get_logger("jackfield.serving")


async def serve(app: App, read: Callable[[], Config] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then drain; at the second of them stop at once. Listens while models load, and
    while it drains, so that health can be asked. At SIGHUP it goes on with what `read` then gives.

    Raises ConfigError if it cannot listen, or not with these certificates; LoadError if a model fails to load and the
    configuration says to exit then.
    """
    server = app.server
    settings = server.config.server
    began = time.monotonic()
    tls = None if settings.tls is None else Tls(settings.tls)
    if tls is not None:
        server.renewals.append(tls.renew)
    listener = bound(settings.host, settings.port)
    runner = runner_of(app, app.shortcut, settings, None if tls is None else tls.context)
    Reloading(server, read).listen()
    stopping = Stopping(server, partial(last_answers, runner), partial(end_within, runner))
    stopping.listen()
    server.drain = stopping.begin
    with ExitStack() as stack:
        stack.enter_context(listener)
        admin = None
        if settings.admin is not None:
            admin = stack.enter_context(bound(settings.admin.host, settings.admin.port, "server.admin"))
        watch = asyncio.create_task(_announce(app, runner, stopping, listener, admin, began))
        await runner.serve(sockets=[listener])
    watch.cancel()
    outcome = (await asyncio.gather(watch, return_exceptions=True))[0]
    if isinstance(outcome, LoadError):
        raise outcome


async def _announce(
    app: App,
    runner: uvicorn.Server,
    stopping: Stopping,
    listener: socket.socket,
    admin: socket.socket | None,
    began: float,
) -> None:
    while not runner.started:  # noqa: ASYNC110  (uvicorn has no event for it)
        await asyncio.sleep(0.005)
    url = url_of(listener, runner.config.ssl is not None)
    if admin is not None:
        await apart(app, runner, admin)
        log.info("listening for administration", url=url_of(admin, runner.config.ssl is not None))
    log.info("listening", url=url)
    try:
        await app.server.loaded()
    except LoadError:
        if app.server.config.server.exit_on_load_error:
            stopping.begin()
            raise
        return
    settle_garbage()
    log.info("ready", url=url, seconds=round(time.monotonic() - began, 2))
