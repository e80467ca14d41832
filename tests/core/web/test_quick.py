"""Which requests the shortcut takes, over a real connection to uvicorn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from jackfield.interfaces.endpoint import Answer, Receive, Scope, Send, Shortcut, Withdraw
from jackfield.web.heads import Heads
from jackfield.web.quick import QuickProtocol

ONE = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"


class Host:
    """Answers `long` through ASGI and `short` by the shortcut; `takes` False leaves all to the former."""

    def __init__(self, takes: bool = True) -> None:
        self.takes = takes
        self.withdrawn = 0
        self.waiting: list[Answer] = []
        self.holds = False

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"long"})

    def shortcut(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Shortcut | None:
        return self.take if path == "/a" else None

    def take(self, body: bytes, answer: Answer) -> Withdraw | None:
        if not self.takes:
            return None
        if self.holds:
            self.waiting.append(answer)
        else:
            answer(200, [(b"x-body", body)], b"short")
        return self.withdraw

    def withdraw(self) -> None:
        self.withdrawn += 1


@asynccontextmanager
async def connection(host: Host) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    protocol: Any = type("Protocol", (QuickProtocol,), {"heads": Heads(host.shortcut)})
    config = uvicorn.Config(
        host.app, interface="asgi3", http=protocol, lifespan="off", log_config=None, ws="none", access_log=False
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        task = asyncio.create_task(server._serve([listener]))
        while not server.started:  # noqa: ASYNC110  (uvicorn has no event for it)
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
        try:
            yield reader, writer
        finally:
            writer.close()
            server.should_exit = True
            await task


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  (what is waited for is a plain function's doing)
        await asyncio.sleep(0.01)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    writer.write(data)
    return await read(reader)


async def held(host: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let a request wait that the shortcut has taken."""
    await ask(reader, writer, ONE)
    host.holds = True
    writer.write(ONE)
    await until(lambda: bool(host.waiting))


async def read(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return await reader.readexactly(length)


def test_the_second_time_a_head_comes_the_shortcut_takes_it() -> None:
    async def run() -> list[bytes]:
        async with connection(Host()) as (reader, writer):
            return [await ask(reader, writer, ONE) for _ in range(3)]

    assert asyncio.run(run()) == [b"long", b"short", b"short"]


@pytest.mark.parametrize(
    "data", [ONE.replace(b"/a", b"/b"), ONE.replace(b"1.1", b"1.0"), ONE.replace(b"Host: x", b"Host: x\r\nExpect: 0")]
)
def test_others_go_the_long_way(data: bytes) -> None:
    async def run() -> list[bytes]:
        async with connection(Host()) as (reader, writer):
            return [await ask(reader, writer, ONE), await ask(reader, writer, data)]

    assert asyncio.run(run()) == [b"long", b"long"]


def test_what_is_not_taken_goes_to_the_app() -> None:
    async def run() -> list[bytes]:
        async with connection(Host(takes=False)) as (reader, writer):
            return [await ask(reader, writer, ONE) for _ in range(3)]

    assert asyncio.run(run()) == [b"long"] * 3


def test_requests_behind_one_that_waits_are_answered_after_it() -> None:
    async def run() -> list[bytes]:
        host = Host()
        async with connection(host) as (reader, writer):
            await held(host, reader, writer)
            writer.write(ONE + ONE)
            await asyncio.sleep(0.05)
            host.waiting[0](200, [], b"waited")
            return [await read(reader) for _ in range(3)]

    assert asyncio.run(run()) == [b"waited", b"long", b"long"]


def test_a_client_that_leaves_withdraws_and_a_late_answer_is_dropped() -> None:
    async def run() -> Host:
        host = Host()
        async with connection(host) as (reader, writer):
            await held(host, reader, writer)
            writer.close()
            await until(lambda: bool(host.withdrawn))
            host.waiting[0](200, [], b"late")
        return host

    assert asyncio.run(run()).withdrawn == 1


def test_an_answer_may_close_the_connection() -> None:
    async def run() -> bytes:
        host = Host()
        async with connection(host) as (reader, writer):
            await held(host, reader, writer)
            host.waiting[0](413, [(b"connection", b"close")], b"bye")
            return await reader.read()

    answer = asyncio.run(run())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.count(b"connection: close") == 1
    assert answer.endswith(b"\r\n\r\nbye")
