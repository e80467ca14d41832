"""Messages arrive whole and in order, however large; and each side learns that the other is gone."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

import msgspec
import pytest

from jackfield.transport import LONGEST, Freed, Link


class _End:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.got: list[bytes] = []
        self.broken: list[Exception | None] = []
        self.link = Link(connection, self.take, self.broken.append)

    def close(self) -> None:
        self.link.detach()
        self.connection.close()

    def take(self, body: bytes) -> None:
        if body == b"bad":
            raise ValueError("nobody understands this")
        self.got.append(body)


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  (there is no event for it)
            await asyncio.sleep(0.001)


def _ends() -> tuple[_End, _End]:
    here, there = socket.socketpair()
    return _End(here), _End(there)


def test_messages_arrive_whole_and_in_order_both_ways() -> None:
    async def main() -> None:
        here, there = _ends()
        here.link.send(b"before it listens")
        here.link.attach()
        there.link.attach()
        sent = [bytes([n]) * size for n, size in enumerate((0, 1, 70_000, 3_000_000, 5))]
        for body in sent:
            here.link.send(body)
        assert here.link.waiting > 3_000_000
        there.link.send(b"back")
        await here.link.drained()
        assert here.link.waiting == 0
        await _until(lambda: len(there.got) == 6 and here.got)
        assert there.got == [b"before it listens", *sent]
        assert here.got == [b"back"]
        here.close()
        there.close()

    asyncio.run(main())


def test_places_that_are_free_again_are_told_with_or_without_a_message() -> None:
    async def main() -> None:
        here, there = _ends()
        here.link.attach()
        there.link.attach()
        here.link.free(64)
        here.link.free(0)
        here.link.tell_freed()
        await _until(lambda: there.got)
        assert msgspec.msgpack.decode(there.got[0], type=Freed) == Freed([64, 0])
        here.link.tell_freed()
        here.link.send(b"next")
        await _until(lambda: len(there.got) == 2)
        assert there.got[1] == b"next"
        here.close()
        there.close()

    asyncio.run(main())


def test_the_end_of_the_other_side_is_told_once_and_lets_nobody_wait() -> None:
    async def main() -> None:
        here, there = _ends()
        here.link.attach()
        here.link.send(b"x" * 3_000_000)
        waiting = asyncio.ensure_future(here.link.drained())
        await asyncio.sleep(0)
        there.connection.close()
        await asyncio.wait_for(waiting, 30)
        await _until(lambda: here.broken)
        here.link.send(b"to nobody")
        here.close()
        assert here.broken == [None]

    asyncio.run(main())


@pytest.mark.parametrize("data", [struct.pack("<I", 3) + b"bad", struct.pack("<I", LONGEST + 1)])
def test_what_cannot_be_understood_ends_it(data: bytes) -> None:
    async def main() -> None:
        here, there = _ends()
        here.link.attach()
        there.connection.sendall(data)
        await _until(lambda: here.broken)
        assert isinstance(here.broken[0], ValueError)
        here.close()
        there.close()

    asyncio.run(main())
