"""Clients that wait for an answer: noticing, at no cost per request, that one has gone.

Only requests that have been waiting for a while get a task that listens for their client's disconnect; most are
answered before that.
"""

from __future__ import annotations

import asyncio

from jackfield.clock import Clock
from jackfield.interfaces.endpoint import Receive
from jackfield.work import Work

_PATIENCE = 0.1  # seconds that a request waits before somebody listens for its client


class Clients:
    """Used on the event loop. `look` is called at each heartbeat of the server."""

    def __init__(self, clock: Clock) -> None:
        self._now = clock.now
        self._waiting: dict[Work, Receive] = {}
        self._listening: dict[Work, asyncio.Task[None]] = {}

    def watch(self, work: Work, receive: Receive) -> None:
        """From here on `work` is cancelled if `receive` tells of a disconnect. Its body must have been read whole."""
        self._waiting[work] = receive

    def forget(self, work: Work) -> None:
        """The client has its answer, or is known to be gone."""
        self._waiting.pop(work, None)
        if self._listening:
            task = self._listening.pop(work, None)
            if task is not None:
                task.cancel()

    def look(self) -> None:
        """Listen for those that have been waiting for a while."""
        before = self._now() - _PATIENCE
        for work, receive in list(self._waiting.items()):
            if work.arrival > before:
                break  # in the order of arrival, so all further ones are younger
            if work not in self._listening:
                self._listening[work] = asyncio.ensure_future(self._listen(work, receive))

    async def _listen(self, work: Work, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._listening.pop(work, None)
        if work.final is None:
            work.replica.cancel(work)
