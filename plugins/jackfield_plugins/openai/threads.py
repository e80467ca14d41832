"""Tokenizers and templates off the event loop: a few threads for each model, so that one that is slow holds up nobody
else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from jackfield.errors import Overloaded

P = ParamSpec("P")
T = TypeVar("T")

_MOST_WAITING = 1024
"""How many may wait for the threads of one model: they stand in no queue yet, which would be bounded."""


class TextThreads:
    """`count` threads for each model, started when they are needed. Used on the event loop."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._waiting: dict[str, int] = {}

    async def run(self, model: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `call` returns or raises, on a thread of `model`, a model of this server; raises Overloaded if too many
        wait."""
        waiting = self._waiting.get(model, 0)
        if waiting >= _MOST_WAITING:
            raise Overloaded(f"{waiting} requests for model '{model}' wait for their prompt to be tokenized")
        pool = self._pools.get(model)
        if pool is None:
            pool = self._pools[model] = ThreadPoolExecutor(self._count, f"text-{model}")
        self._waiting[model] = waiting + 1
        try:
            return await asyncio.wrap_future(pool.submit(call, *args, **kwargs))
        finally:
            self._waiting[model] -= 1
