"""Waiting for work in a thread that may never end, without being held by it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial

from jackfield.errors import LoadError


async def in_background(name: str, call: Callable[[], None], post: Callable[[Callable[[], None]], None]) -> None:
    """Run `call` in a thread of its own and wait for it; raises what it raises.

    Unlike a thread of the event loop's pool, one that hangs keeps neither the loop nor the process from ending: whoever
    waits can be cancelled at any time, and the thread is left alone. `post` brings the outcome to the event loop.
    """
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def tell(error: Exception | None) -> None:
        if ended.done():
            return
        if error is None:
            ended.set_result(None)
        else:
            ended.set_exception(error)

    def run() -> None:
        try:
            call()
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, StopIteration):
                post(partial(tell, error))
            else:  # SystemExit must not reach the event loop, nor StopIteration a future
                post(partial(tell, LoadError(f"{name} raised {type(error).__name__}: {error}")))
        else:
            post(partial(tell, None))

    threading.Thread(target=run, name=f"jackfield-{name}", daemon=True).start()
    await ended
