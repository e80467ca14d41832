"""Some requests over raw sockets, as fast as they are answered. A connection that the server closes is made anew."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence


async def counted(port: int, requests: Sequence[bytes], connections: int, count: int) -> Counter[int]:
    """Send `count` requests, taken in turn from `requests`, over `connections`; how often each status came."""
    statuses: Counter[int] = Counter()
    left = iter(range(count))

    async def client() -> None:
        stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for number in left:
            if stream is None:
                stream = await asyncio.open_connection("127.0.0.1", port)
            reader, writer = stream
            writer.write(requests[number % len(requests)])
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"\r\ncontent-length: ", 1)[1].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            statuses[int(head[9:12])] += 1
            if b"\r\nconnection: close" in head:
                writer.close()
                stream = None
        if stream is not None:
            stream[1].close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return statuses
