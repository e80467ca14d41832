"""An open-loop HTTP load: requests go out when they are due, whether or not earlier ones are answered."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import cast


def poisson(rate: Callable[[float], float], seconds: float, seed: int) -> Iterator[float]:
    """Moments at which requests are due, from 0 to `seconds`, if `rate` gives how many a second at a moment."""
    random, moment = Random(seed), 0.0
    while (moment := moment + random.expovariate(rate(moment))) < seconds:
        yield moment


@dataclass(slots=True)
class Seen:
    """Seconds from when a request was due to its answer, by status. `lag`: how much later than due each was sent, which
    is the client's own fault; `unsent`: for want of connections; `broken`: connections lost with a request."""

    latencies: dict[int, array[float]] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    lag: array[float] = field(default_factory=lambda: array("d"))
    unsent: int = 0
    broken: int = 0

    def within(self, seconds: float) -> int:
        """How many were answered with 200 within `seconds`."""
        return sum(one <= seconds for one in self.latencies[200])


def percentile(values: Sequence[float], percent: float) -> float:
    """In milliseconds, of seconds; 0 if there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] * 1e3 if ordered else 0.0


class _Connection(asyncio.Protocol):
    """Free, or waiting for the answer to what was due at `due`."""

    def __init__(self, seen: Seen, free: deque[_Connection]) -> None:
        self._seen, self._free = seen, free
        self._data = b""
        self.due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # which uvloop's are in all but name

    def send(self, request: bytes, due: float) -> None:
        """Send `request`."""
        self.due = due
        self._seen.lag.append(time.perf_counter() - due)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._data = data = self._data + data if self._data else data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = data[:end].lower()
        length = int(head.split(b"\r\ncontent-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(data) < end + 4 + length or self.due is None:
            return
        self._seen.latencies[int(head[9:12])].append(time.perf_counter() - self.due)
        self._data, self.due = b"", None
        self._free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._seen.broken += self.due is not None
        self.due = None
        if self in self._free:
            self._free.remove(self)


async def offer(
    port: int,
    requests: Sequence[bytes],
    moments: Iterable[float],
    connections: int,
    every_second: Callable[[], object] = lambda: None,
) -> Seen:
    """Send `requests` in turn at `moments`, over at most `connections`, and wait for all answers."""
    seen, free = Seen(), deque[_Connection]()
    loop = asyncio.get_running_loop()
    all_of_them = [
        (await loop.create_connection(lambda: _Connection(seen, free), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    free.extend(all_of_them)
    began = time.perf_counter() + 0.05
    look = began
    for number, moment in enumerate(moments):
        due = began + moment
        if (now := time.perf_counter()) < due:
            await asyncio.sleep(due - now)
        if number % 16 == 0:
            await asyncio.sleep(0)  # who is late must read answers too
        if now >= look:
            every_second()
            look += 1
        if free:
            free.pop().send(requests[number % len(requests)], due)
        else:
            seen.unsent += 1
    while any(one.due is not None for one in all_of_them):  # noqa: ASYNC110  (answers come to many protocols)
        await asyncio.sleep(0.01)
    for one in all_of_them:
        one.transport.close()
    return seen
