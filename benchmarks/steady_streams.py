"""Whether streams of text stay steady: python -m benchmarks.steady_streams

Eight clients that begin one after the other, each asking again once it has its answer. Two spans of that load are
compared: one in which nothing else happens, and the one from when a prompt of 4,000 tokens is sent until its first
token comes. Asked is that the time between tokens at the 99th percentile stays below 1.5 times the median in the first,
and that the long prompt raises it less than three times.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks.generation import models
from benchmarks.generation.load import ask, completion
from benchmarks.generation.peers import PEERS
from benchmarks.generation.points import percentile
from benchmarks.generation.prompts import prompt
from benchmarks.generation.running import Running, alone, running
from benchmarks.generation.stream import Received, Stream, stream
from benchmarks.machine import described
from jackfield_plugins.generation.text.tokenizer import TextTokenizer

STEADY, RAISED = 1.5, 3.0


@dataclass(frozen=True, slots=True)
class Seen:
    """Milliseconds between tokens without and with the long prompt, and to its first token."""

    p50: float
    p99: float
    p99_beside: float
    first: float


class Streams:
    """`count` clients, `apart` seconds between the beginnings of two that follow."""

    def __init__(self, server: Running, tokenizer: TextTokenizer, count: int, tokens: int, apart: float) -> None:
        self._server, self._tokenizer = server, tokenizer
        self._count, self._tokens, self._apart = count, tokens, apart
        self._heard: list[Received] = []

    async def watch(self, seconds: float, long: str) -> Seen:
        """Look for `seconds` once all have begun, then send `long`, and look until its first token comes."""
        clients = [asyncio.create_task(self._client(number)) for number in range(self._count)]
        while len(self._heard) < self._count or not all(one.moments for one in self._heard[: self._count]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        begun = time.perf_counter()
        await asyncio.sleep(seconds)
        request = completion(self._server.peer.model, long, 1)
        answer = _right(await ask(self._server.port, 0, request, []), 1)
        for client in clients:
            client.cancel()
        await asyncio.wait(clients)
        streams = [_right(one, self._tokens) for one in self._heard]
        before = gaps(streams, begun, answer.sent)
        beside = gaps(streams, answer.sent, answer.moments[0])
        return Seen(percentile(before, 50), percentile(before, 99), percentile(beside, 99), answer.first * 1e3)

    async def _client(self, number: int) -> None:
        await asyncio.sleep(number * self._apart)
        for turn in range(1000):
            text = prompt(self._tokenizer, 32, f"{number} {turn} {time.time()}")
            request = completion(self._server.peer.model, text, self._tokens)
            _right(await ask(self._server.port, number, request, self._heard), self._tokens)


def gaps(streams: Sequence[Stream], start: float, end: float) -> list[float]:
    """Seconds between tokens, of all that lie in part between `start` and `end`."""
    found = []
    for one in streams:
        pairs = zip(one.moments, one.moments[1:], strict=False)
        found += [after - before for before, after in pairs if after > start and before < end]
    return found


def _right(received: Received, tokens: int) -> Stream:
    """Raises SystemExit if it is not whole, unless it is still to come."""
    answer = stream(received)
    if answer.problem or (received.ended and answer.tokens != tokens):
        raise SystemExit(answer.problem or f"{answer.tokens} tokens came instead of {tokens}")
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", nargs="+", default=["ours"], help="those whose name contains one of these")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=1600, help="of each answer, so many that none ends")
    parser.add_argument("--long", type=int, default=4000, help="tokens of the long prompt")
    parser.add_argument("--apart", type=float, default=0.37, help="seconds between the beginnings of two streams")
    parser.add_argument("--seconds", type=float, default=5, help="before the long prompt")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lock", type=Path, help="a file to lock meanwhile, for others on the machine")
    parser.add_argument("--environments", type=Path, default=Path(".venv-peers"), help="as made by make")
    arguments = parser.parse_args()
    print(described("numpy", "uvicorn"))
    tokenizer = models.checkpoint(models.original()).tokenizer
    heads = ("p50", "p99", "p99 / p50", f"p99 beside {arguments.long} tokens", "raised", "their first token")
    print(f"| ms between tokens, {arguments.streams} streams | {' | '.join(heads)} | |\n{'|---' * (len(heads) + 2)}|")
    with tempfile.TemporaryDirectory() as folder:
        for peer in PEERS.values():
            if not any(part in peer.name for part in arguments.peers):
                continue
            with alone(arguments.lock), running(peer, arguments.environments, Path(folder, peer.name)) as server:
                seen = []
                for number in range(arguments.rounds):
                    long = prompt(tokenizer, arguments.long, f"long {number}")
                    streams = Streams(server, tokenizer, arguments.streams, arguments.tokens, arguments.apart)
                    seen.append(uvloop.run(streams.watch(arguments.seconds, long)))
            print(_row(peer.name, seen), flush=True)


def _row(name: str, seen: Sequence[Seen]) -> str:
    steady = statistics.median(one.p99 / one.p50 for one in seen)
    raised = statistics.median(one.p99_beside / one.p99 for one in seen)
    p50, p99, beside, first = (
        statistics.median(getattr(one, key) for one in seen) for key in ("p50", "p99", "p99_beside", "first")
    )
    verdict = "held" if steady < STEADY and raised < RAISED else "MISSED"
    cells = f"{p50:.1f} | {p99:.1f} | {steady:.2f} | {beside:.1f} | {raised:.2f} | {first:.0f}"
    return f"| {name} | {cells} | {verdict} |"


if __name__ == "__main__":
    main()
