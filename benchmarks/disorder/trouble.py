"""What goes wrong meanwhile, drawn by a seed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from benchmarks.disorder.processes import children, workers


class Trouble:
    """Troubles the server with process `pid`. `roll` has it roll a model to another version.

    `seen`: all processes that were ever its children. `done`: how often each thing was done.
    """

    def __init__(self, pid: int, draw: random.Random, roll: Callable[[], None]) -> None:
        self._pid = pid
        self._draw = draw
        self._roll = roll
        self._deck: list[str] = []
        self.seen: set[int] = set()
        self.done: Counter[str] = Counter()
        self._kinds: Mapping[str, Callable[[], Awaitable[None]]] = {
            "kill": self._kill,
            "kill all of a moment": self._kill_many,
            "hang": self._hang,
            "starve": self._starve,
            "hog": self._hog,
            "roll": self._rolled,
        }

    @property
    def complete(self) -> bool:
        """Whether each thing was done."""
        return len(self.done) == len(self._kinds)

    async def go_on(self, every: float, over: Callable[[], bool]) -> None:
        """One thing after the other, each kind as often as the others, about `every` seconds, until it is `over`."""
        while not over():
            if not self._deck:
                self._deck = list(self._kinds)
                self._draw.shuffle(self._deck)
            kind = self._deck.pop()
            self.seen.update(children(self._pid))
            await self._kinds[kind]()
            self.done[kind] += 1
            await asyncio.sleep(self._draw.uniform(0.5, 1.5) * every)

    async def _kill(self) -> None:
        self._send(signal.SIGKILL)

    async def _kill_many(self) -> None:
        for _ in range(3):
            self._send(signal.SIGKILL)

    async def _hang(self) -> None:
        self._send(signal.SIGSTOP)

    async def _starve(self) -> None:
        worker = self._send(signal.SIGSTOP)
        await asyncio.sleep(self._draw.uniform(0.02, 0.4))
        if worker is not None:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGCONT)

    async def _hog(self) -> None:
        code = (
            f"import time; end = time.monotonic() + {self._draw.uniform(0.3, 1.5)}\nwhile time.monotonic() < end: pass"
        )
        hogs = [await asyncio.create_subprocess_exec(sys.executable, "-c", code) for _ in range(2)]
        await asyncio.gather(*(hog.wait() for hog in hogs))

    async def _rolled(self) -> None:
        self._roll()

    def _send(self, number: signal.Signals) -> int | None:
        found = workers(self._pid)
        if not found:
            return None
        worker = self._draw.choice(found)
        with suppress(ProcessLookupError):
            os.kill(worker, number)
        return worker
