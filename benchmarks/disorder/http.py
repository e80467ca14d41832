"""HTTP as plainly as clients can have it, so that what came is known to the byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Self


class Cut(Exception):
    """The connection ended before the answer did."""


class Connection:
    """One connection, asked one thing after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.status = 0
        self.usable = True

    @classmethod
    async def to(cls, port: int) -> Self:
        """A new one to this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 22))

    async def send(self, request: bytes) -> None:
        """All of `request`; the answer is not waited for."""
        self._writer.write(request)
        await self._writer.drain()

    async def parts(self) -> AsyncIterator[bytes]:
        """The pieces of the body as they come, once `status` is known; raises Cut if it is not whole."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            self.status = int(lines[0].split()[1])
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            self.usable = headers.get("connection", "").lower() != "close"
            if "content-length" in headers:
                yield await self._reader.readexactly(int(headers["content-length"]))
                return
            while size := int(await self._reader.readline(), 16):
                yield (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readline()
        except (asyncio.IncompleteReadError, OSError, ValueError) as error:
            self.usable = False
            raise Cut(f"{type(error).__name__}: {error}") from error

    async def body(self) -> bytes:
        """The rest of it."""
        return b"".join([part async for part in self.parts()])

    def close(self) -> None:
        """Leave at once, whatever is still to come."""
        self.usable = False
        self._writer.transport.abort()


def post(path: str, body: bytes) -> bytes:
    """A request."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def get(path: str) -> bytes:
    """A request."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
