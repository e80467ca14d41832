"""An answer in pieces, for whoever reads it: bounded, however slowly that goes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from jackfield.errors import Cancelled
from jackfield.work import Response, Result, Work

BUFFER = 1024
"""How many responses may wait for their reader."""


class Stream:
    """The responses to one request, in order: `async with stream: async for response in stream`. Used on the event
    loop, by one reader.

    Iterating ends after the response that is `final`, or raises what became of the request: Expired, ExecutionFailed,
    Unavailable, or Cancelled, also if `most` responses wait because nobody reads them. Leaving the block before that
    cancels the request.
    """

    def __init__(self, most: int, cancel: Callable[[Work], None]) -> None:
        self.work: Work | None = None
        self.accepted: asyncio.Future[None] | None = None
        """Where requests are accepted in another process: done once this one is, or raises why it is not."""
        self._most = most
        self._cancel = cancel
        self._come: deque[Result] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._over = False
        self._slow = False

    def feed(self, work: Work, result: Result) -> None:
        """A response has come, or an error that ends it."""
        if work.final is None and len(self._come) >= self._most:
            if not self._slow:
                self._slow = True
                self._cancel(work)
            return
        self._come.append(result)
        reader = self._reader
        if reader is not None and not reader.done():
            reader.set_result(None)

    def ready(self) -> list[Response]:
        """The responses that have come and were not read, without waiting, so that they can be sent in one go."""
        found: list[Response] = []
        while self._come and isinstance(self._come[0], Response):
            found.append(self._take(self._come.popleft()))
        return found

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Response:
        while not self._come:
            if self._over:
                raise StopAsyncIteration
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._take(self._come.popleft())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancel the request, if it is not over; nothing more is read."""
        self._over = True
        self._come.clear()
        if self.work is not None and self.work.final is None:
            self._cancel(self.work)
            self._come.clear()

    def _take(self, result: Result) -> Response:
        if isinstance(result, Response):
            self._over = result.final
            return result
        self._over = True
        if self._slow:
            raise Cancelled(
                f"the request was cancelled: {self._most} responses waited, and nobody read them"
            ) from result
        raise result
