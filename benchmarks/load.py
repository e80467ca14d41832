"""A closed-loop HTTP load over raw sockets: a connection asks again once it has its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Measured:
    """What one load gave: answers, and each one's seconds; `right`: of those with status 200. `wrong` counts others."""

    connections: int
    seconds: float
    latencies: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    wrong: int = 0

    @property
    def rate(self) -> float:
        """Right answers a second."""
        return (len(self.latencies) - self.wrong) / self.seconds

    def within(self, seconds: float) -> int:
        """How many were answered with 200 in that time."""
        return sum(one <= seconds for one in self.right)

    def percentile(self, percent: float) -> float:
        """A latency in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] * 1e3


def post(path: str, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """The bytes of a whole POST request."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def load(port: int, requests: Sequence[bytes], connections: int, seconds: float, warm: float = 0.5) -> Measured:
    """Send `requests` in turn over `connections` for `seconds`, after `warm` seconds that are not counted."""
    began = time.perf_counter() + warm
    end = began + seconds
    measured = Measured(connections, seconds)

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = number
        try:
            while True:
                start = time.perf_counter()
                if start >= end:
                    return
                writer.write(requests[turn % len(requests)])
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"\r\ncontent-length: ", 1)[1].split(b"\r\n", 1)[0])
                await reader.readexactly(length)
                now = time.perf_counter()
                if began <= now <= end:
                    measured.latencies.append(now - start)
                    if head.startswith(b"HTTP/1.1 200"):
                        measured.right.append(now - start)
                    else:
                        measured.wrong += 1
                turn += connections
        finally:
            writer.close()

    await asyncio.gather(*(client(number) for number in range(connections)))
    return measured
