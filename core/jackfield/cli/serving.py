"""Running the app alone, under uvicorn."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager

import structlog
import uvicorn

from jackfield.asgi import App
from jackfield.cli.apart import apart
from jackfield.cli.binding import bound
from jackfield.cli.reloading import Reloading
from jackfield.cli.stopping import Stopping
from jackfield.config import Config
from jackfield.errors import LoadError
from jackfield.web.heads import Heads
from jackfield.web.quick import QuickProtocol
from jackfield.web.tls import Tls

log = structlog.get_logger("jackfield.serving")

_BETWEEN_LOOKS = 20_000  # objects made and not freed between two looks of the garbage collector at the youngest


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
    protocol = type("Protocol", (QuickProtocol,), {"limits": settings.limits, "heads": Heads(app.shortcut)})
    config = uvicorn.Config(
        app,
        http=protocol,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
    )
    config.load()
    config.ssl = None if tls is None else tls.context
    runner = _Runner(config)
    Reloading(server, read).listen()
    stopping = Stopping(server, runner)
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


class _Runner(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals are not for uvicorn, which would stop listening at the first."""
        yield


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
    url = _url(runner.config, listener)
    if admin is not None:
        await apart(app, runner, admin)
        log.info("listening for administration", url=_url(runner.config, admin))
    log.info("listening", url=url)
    try:
        await app.server.loaded()
    except LoadError:
        if app.server.config.server.exit_on_load_error:
            stopping.begin()
            raise
        return
    _settle_garbage()
    log.info("ready", url=url, seconds=round(time.monotonic() - began, 2))


def _url(config: uvicorn.Config, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"{'http' if config.ssl is None else 'https'}://{f'[{host}]' if ':' in host else host}:{port}"


def _settle_garbage() -> None:
    """What was made until now stays, and need not be looked at again; and what a request makes is gone without any help
    of the collector, whose frequent looks at it took a twelfth of the time of small requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_BETWEEN_LOOKS, 20, 20)
