"""Running an app under uvicorn, with limits and the shortcut."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Literal

import uvicorn

from jackfield.config.models import ServerConfig
from jackfield.interfaces.endpoint import ASGIApp, FindShortcut
from jackfield.web.heads import Heads
from jackfield.web.quick import QuickProtocol

_CLOSE = (b"connection", b"close")
_BETWEEN_LOOKS = 20_000  # objects made and not freed between two looks of the garbage collector at the youngest


def runner_of(
    app: ASGIApp,
    shortcut: FindShortcut,
    settings: ServerConfig,
    tls: ssl.SSLContext | None,
    protocol: type[QuickProtocol] = QuickProtocol,
    lifespan: Literal["on", "off"] = "on",
) -> uvicorn.Server:
    """What serves `app` on sockets that it is given, each connection by a `protocol`."""
    own = type("Protocol", (protocol,), {"limits": settings.limits, "heads": Heads(shortcut)})
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=own,
        lifespan=lifespan,
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
    )
    config.load()
    config.ssl = tls
    return _Runner(config)


def url_of(listener: socket.socket, tls: bool) -> str:
    """Where it is reached."""
    host, port = listener.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


class _Runner(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals are not for uvicorn, which would stop listening at the first."""
        yield


def last_answers(runner: uvicorn.Server) -> None:
    """From now on each answer says that its connection ends with it."""
    config, state = runner.config, runner.server_state
    config.encoded_headers = [*config.encoded_headers, _CLOSE]  # what the next default headers are made of
    state.default_headers = [*state.default_headers, _CLOSE]


def end_within(runner: uvicorn.Server, left: float) -> None:
    """Listen no more, and end once all is answered, or in `left` seconds."""
    runner.config.timeout_graceful_shutdown = left  # type: ignore[assignment]  # uvicorn says int, and takes any
    runner.should_exit = True


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where there is one (not on Windows): it takes a third of asyncio's time per request."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def settle_garbage() -> None:
    """What was made until now stays, and need not be looked at again; and what a request makes is gone without any help
    of the collector, whose frequent looks at it took a twelfth of the time of small requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_BETWEEN_LOOKS, 20, 20)
