"""Reading the configuration file again while the server runs, when SIGHUP says so."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import structlog

from jackfield.config import Config
from jackfield.errors import JackfieldError, Unsupported
from jackfield.server import Server

log = structlog.get_logger("jackfield.reloading")


class Reloading:
    """`read` reads the configuration anew, as it was read at the start; None if there is no file."""

    def __init__(self, server: Server, read: Callable[[], Config] | None) -> None:
        self._server = server
        server.read = read
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def listen(self) -> None:
        """Reload at each SIGHUP from now on, where there is such a signal. On the event loop."""
        if hasattr(signal, "SIGHUP"):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.ask)

    def ask(self) -> None:
        """Reload soon. What is asked while it is done already leads to one more time after it."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._again:
            self._again = False
            try:
                await self._reload()
            except JackfieldError as error:
                log.error("not reloaded: nothing was changed", problems=str(error).splitlines())
            except Exception:
                log.exception("not reloaded")

    async def _reload(self) -> None:
        try:
            done = await self._server.reread()
        except Unsupported as error:
            log.warning(str(error))
            return
        for name, reason in done.failed.items():
            log.error("model was not changed", model=name, reason=reason)
        for path in done.restart:
            log.warning("needs a restart", path=path)
        log.info(
            "reloaded",
            changed=list(done.changed),
            loaded=list(done.loaded),
            rolled=list(done.rolled),
            unloaded=list(done.unloaded),
            restart=len(done.restart),
            failed=len(done.failed),
        )
