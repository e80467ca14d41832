"""This server and others that generate text, in one run: python -m benchmarks.generation

All serve SmolLM2-135M-Instruct with the weights of one GGUF; completions are streamed over HTTP, the likeliest token
each time: 128 tokens in and 128 out with some clients that ask again once they have their answer, then 16 at once whose
prompts begin with the same 512 tokens, twice, 64 out. The servers are up at the same time and take turns; who has no
turn is stopped. Machines drift: what counts is the ratio within a round. An error, or an answer that is too short, ends
the run. `make peers` makes the environments of the others.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import uvloop

from benchmarks.generation import models
from benchmarks.generation.demands import demands
from benchmarks.generation.peers import PEERS, Peer
from benchmarks.generation.points import ANSWER, PROMPT, Point, measured, points
from benchmarks.generation.report import tables
from benchmarks.generation.results import Results, first, rate
from benchmarks.generation.roofline import machine, most
from benchmarks.generation.running import Running, alone, running
from benchmarks.machine import described
from benchmarks.tree import memory_mib


class Run:
    """The servers that are up, and what they gave."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, stack: ExitStack) -> None:
        self._arguments, self._folder, self._stack = arguments, folder, stack
        self._up: dict[str, Running] = {}
        self.results = Results()
        self.about: dict[str, tuple[float, float]] = {}

    def start(self, peer: Peer) -> None:
        """Start it and warm it up, unless it is started for each of its turns."""
        if not peer.one_at_a_time:
            with alone(self._arguments.lock):
                self._up[peer.name] = self._started(peer, self._stack)
            self._up[peer.name].stop()

    def turn(self, peer: Peer, asked: list[Point]) -> None:
        """All points of a round."""
        with ExitStack() as stack:
            if peer.one_at_a_time:
                server = self._started(peer, stack)
                loads = [one for one in asked if one.cut]
                asked = loads if len(loads) < 3 else [loads[0], loads[-1]]  # it takes as long for the others
            else:
                server = self._up[peer.name]
                server.go_on()
            for point in asked:
                with alone(self._arguments.lock):
                    found = uvloop.run(measured(server, point))
                self.results.by[point.name, peer.name].append(found)
                print(f"  {time.strftime('%H:%M:%S')} {peer.name}, {point.name}: {rate(found):.0f} tokens/s, ", end="")
                print(f"first {first(50)(found):.0f} ms, {found.answers} answers", flush=True)
            self.about[peer.name] = server.cold, memory_mib(server.pid)
            if not peer.one_at_a_time:
                server.stop()

    def _started(self, peer: Peer, stack: ExitStack) -> Running:
        server = stack.enter_context(running(peer, self._arguments.environments, self._folder / peer.name))
        warm = Point("warm-up", 2, ["The first words of a test.", "Others."], 16, 0)
        uvloop.run(measured(server, warm))
        return server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--peers", nargs="+", default=list(PEERS), help="those whose name contains one of these")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10, help="at least, of each load; 0: each client asks once")
    parser.add_argument("--no-prefix", action="store_true", help="leave out prompts that begin alike")
    parser.add_argument("--lock", type=Path, help="a file to lock while a load runs, for others on the machine")
    parser.add_argument(
        "--environments", type=Path, default=Path(".venv-peers"), help="a folder a peer, as made by make"
    )
    arguments = parser.parse_args()
    peers = [peer for name, peer in PEERS.items() if any(part in name for part in arguments.peers)]
    about = described("numpy", "uvicorn")
    print(about, flush=True)
    checkpoint = models.checkpoint(models.original())
    with ExitStack() as stack:
        run = Run(arguments, Path(stack.enter_context(tempfile.TemporaryDirectory())), stack)
        for peer in peers:
            run.start(peer)
        for number in range(arguments.rounds):
            asked = points(checkpoint.tokenizer, arguments.connections, number, arguments.seconds)
            with alone(arguments.lock):
                read, products = machine()
            print(f"round {number + 1}: memory {read / 1e9:.1f} GB/s, {products / 1e9:.0f} G products/s", flush=True)
            for clients in arguments.connections:
                limit = most(checkpoint.spec, clients, PROMPT, ANSWER, read, products)
                run.results.limits[clients].append(limit)
            for peer in peers:
                run.turn(peer, [one for one in asked if one.cut or not arguments.no_prefix])
    print("\n".join(tables(run.results)))
    print("\nfp32 roofline, tokens/s: " + _limits(run.results))
    print("\n" + "\n".join(demands(run.results, "avx512_vnni" in about)))
    print("\n| | first token after the start, s | MiB |\n|---|---|---|")
    for name, (cold, memory) in run.about.items():
        print(f"| {name} | {cold:.1f} | {memory:.0f} |")


def _limits(results: Results) -> str:
    lines = {clients: [f"{one:.0f}" for one in limits] for clients, limits in results.limits.items()}
    return "; ".join(f"{clients} at a time {', '.join(limits)}" for clients, limits in lines.items())


if __name__ == "__main__":
    main()
