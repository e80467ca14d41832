"""What a step of many streams takes on the event loop: python -m benchmarks.chunks

From a response of the engine to the bytes of its event, through `Stream`, the chunks of the endpoint `openai` and its
events, up to a `send` that does nothing: what the host's HTTP and the system's calls take comes on top. Beside it the
same with each chunk made as an object and encoded whole. Processor time of the best of some rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import uvloop

from benchmarks.machine import described
from jackfield import Response, Stream, Work
from jackfield.testing import make_work
from jackfield_plugins.generation.answer import Piece
from jackfield_plugins.open_inference.headers import said
from jackfield_plugins.openai.call import Call
from jackfield_plugins.openai.chat_answer import ChatChunks, Wanted
from jackfield_plugins.openai.events import Events
from jackfield_plugins.openai.generating import Chunks, relay
from jackfield_plugins.openai.schema import ChatBody

ROUNDS = 5


class Whole:
    """Chunks that are made as objects."""

    def __init__(self, wanted: Wanted) -> None:
        self._head = wanted.head("chat.completion.chunk")

    def of(self, number: int, responses: Sequence[Response]) -> bytes:
        """See `Chunks`."""
        found = []
        for response in responses:
            for piece in response.parameters["pieces"]:
                choice = {
                    "index": piece.index,
                    "delta": {"content": piece.text},
                    "logprobs": None,
                    "finish_reason": None,
                }
                found.append(b"data: " + orjson.dumps({**self._head, "choices": [choice]}) + b"\n\n")
        return b"".join(found)

    def end(self) -> bytes:
        """See `Chunks`."""
        return b""


async def _nothing(*_: Any) -> Any:
    return None


async def _step(streams: int, steps: int, make: Callable[[Wanted], Chunks]) -> float:
    """Seconds of processor time for a step."""
    open_streams: list[tuple[Stream, Work]] = []
    tasks = []
    for _ in range(streams):
        stream = Stream(1024, lambda work: None)
        stream.work = make_work()
        call = Call(b"", said({}, None), _nothing, Events(_nothing, []))
        wanted = Wanted(call, None, ChatBody(model="model", messages=[]), 10, frozenset(), None)  # type: ignore[arg-type]
        tasks.append(asyncio.ensure_future(relay(0, stream, call, make(wanted))))
        open_streams.append((stream, stream.work))
    await asyncio.sleep(0)
    began = time.process_time()
    for _ in range(steps):
        for stream, work in open_streams:
            stream.feed(work, Response({}, {"pieces": [Piece(0, " word", [5])]}, final=False))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    took = time.process_time() - began
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return took / steps


def main() -> None:
    """Measure both, one after the other, and print their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--steps", type=int, default=2000)
    given = parser.parse_args()
    print(described())
    best = {"put together": float("inf"), "made whole": float("inf")}
    for _ in range(ROUNDS):
        for name, make in (("put together", ChatChunks), ("made whole", Whole)):
            best[name] = min(best[name], uvloop.run(_step(given.streams, given.steps, make)))
    for name, seconds in best.items():
        print(f"{given.streams} streams, chunks {name}: {seconds * 1e3:.3f} ms of the event loop a step")
    print(f"ratio: {best['made whole'] / best['put together']:.2f}")


if __name__ == "__main__":
    main()
