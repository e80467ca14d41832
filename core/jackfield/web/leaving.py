"""Noticing that a client has left while nothing is read of it.

Reading is paused while pipelined requests wait for their turn, and then the event loop hears nothing of a connection.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl

_BETWEEN_LOOKS = 0.25  # seconds
# Linux tells that the other side has closed even if something unread came before; elsewhere only what broke is seen.
_GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


class Leaving:
    """Looks at one connection for as long as reading is paused, and calls `gone` if its client has closed it. Used on
    the event loop; costs nothing while nothing is paused."""

    def __init__(self, transport: asyncio.Transport, flow: FlowControl, gone: Callable[[], None]) -> None:
        self._transport = transport
        self._flow = flow
        self._gone = gone
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Look from now on, if reading is paused. Called after whatever may have paused it."""
        if self._flow.read_paused and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_BETWEEN_LOOKS, self._look)

    def stop(self) -> None:
        """The connection is lost."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._transport.is_closing():
            return
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), _GONE)
        if poll.poll(0):
            self._gone()
        else:
            self.watch()
