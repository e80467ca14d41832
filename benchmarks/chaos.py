"""Mixed load while all sorts of things go wrong, and the books afterwards: python -m benchmarks.chaos

Clients ask for embeddings, classifications and streams of text, and know the right answers from a run that nothing
disturbed. Meanwhile workers are killed, hung and starved, versions roll, and clients leave in the middle. Every request
that was accepted must be answered once, and rightly; the server's counters must agree with what the clients counted;
memory must not grow; and when the server is told to stop nothing may be left behind. Ends with status 1 if not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import yaml

from benchmarks.disorder.books import Counts, quiet, violations
from benchmarks.disorder.clients import Tally, answer, client
from benchmarks.disorder.http import Connection, get
from benchmarks.disorder.processes import children, descriptors, left, memory
from benchmarks.disorder.settings import calls, config
from benchmarks.disorder.trouble import Trouble
from benchmarks.machine import described

_PATIENCE = 120.0  # seconds for what must come to pass, on a machine that is busy with something else
_GROWTH = 96.0  # MiB that may be kept of what is gone
_MORE = 20  # descriptors


class Chaos:
    """One run. `folder` is its own."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self._arguments = arguments
        self._folder = folder
        self._path = folder / "chaos.yaml"
        self._log = folder / "server.log"
        self._draw = random.Random(arguments.seed)
        self._config = config(arguments.models, arguments.decoder, arguments.silence, arguments.fronts)
        self._versions = 1
        self._memory: list[float] = []
        self._server: subprocess.Popen[bytes]
        self._port = 0

    async def run(self) -> list[str]:
        """Everything; returns what is wrong."""
        self._start()
        try:
            return await self._served()
        finally:
            if self._server.poll() is None:
                below = children(self._server.pid)
                self._server.kill()
                for pid in below:  # one that was stopped does not notice
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    async def _served(self) -> list[str]:
        self._port = await self._listening()
        await self._ready()
        asked = calls(self._arguments.models, self._draw, self._arguments.tokens)
        known = {name: [(call, await answer(self._port, call)) for call in own] for name, own in asked.items()}
        before = await quiet(self._port, _PATIENCE)
        opened, held = descriptors(self._server.pid), memory(self._server.pid)
        tallies = {name: Tally() for name in known}
        stop = asyncio.Event()
        clients = [
            asyncio.ensure_future(
                client(self._port, known[name], tallies[name], random.Random(self._draw.random()), share, stop)
            )
            for name in known
            for share in (0.0, 0.05, 0.2)
            for _ in range(self._arguments.clients)
        ]
        trouble = Trouble(self._server.pid, self._draw, self._roll)
        began = time.monotonic()
        watching = asyncio.ensure_future(self._watch(stop))

        def over() -> bool:
            late = time.monotonic() - began >= self._arguments.seconds
            return (late and trouble.complete) or self._server.poll() is not None

        await trouble.go_on(self._arguments.every, over)
        stop.set()
        await asyncio.gather(watching, *clients)
        seconds = time.monotonic() - began
        await self._ready()
        after = await quiet(self._port, _PATIENCE)
        found = [one for name, tally in tallies.items() for one in violations(name, before[name], after[name], tally)]
        for name, own in known.items():
            for call, right in own:
                if not call.same(await answer(self._port, call), right):
                    found.append(f"{name}: a wrong answer when all was over")
        found += self._refused(tallies)
        found += await self._grown(opened, held)
        trouble.seen.update(children(self._server.pid))
        found += await self._stopped(trouble)
        self._report(seconds, tallies, after, trouble)
        return found

    def _start(self) -> None:
        self._write()
        with self._log.open("wb") as output:
            command = [sys.executable, "-m", "jackfield", "serve", str(self._path), "--log-format", "json"]
            self._server = subprocess.Popen(command, stdout=output, stderr=output)

    def _roll(self) -> None:
        self._versions += 1
        name = self._draw.choice(list(self._config["models"]))
        self._config["models"][name]["version"] = str(self._versions)
        self._write()
        self._server.send_signal(signal.SIGHUP)

    def _write(self) -> None:
        text = yaml.safe_dump({**self._config, "server": {**self._config["server"], "port": 0}})
        whole = self._path.with_suffix(".new")
        whole.write_text(text)
        whole.replace(self._path)

    async def _listening(self) -> int:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self._server.poll() is None:
            for line in self._log.read_text().splitlines():
                if '"listening"' in line:
                    return int(json.loads(line)["url"].rsplit(":", 1)[1])
            await asyncio.sleep(0.05)
        raise SystemExit(f"the server did not listen:\n{self._log.read_text()}")

    async def _ready(self) -> None:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self._server.poll() is None:
            connection = await Connection.to(self._port)
            await connection.send(get("/v2/health/ready"))
            body = await connection.body()
            connection.close()
            if connection.status == 200:
                return
            await asyncio.sleep(0.05)
        raise SystemExit(f"the server did not get ready: {body.decode()}\n{self._log.read_text()[-3000:]}")

    async def _watch(self, stop: asyncio.Event) -> None:
        while not stop.is_set() and self._server.poll() is None:
            self._memory.append(memory(self._server.pid))
            await asyncio.sleep(0.2)

    def _refused(self, tallies: Mapping[str, Tally]) -> list[str]:
        found = []
        for name, one in tallies.items():
            if one.refused > self._arguments.most_refused * one.sent:
                found.append(f"{name}: {one.refused} of {one.sent} requests were refused")
        return found

    async def _grown(self, opened: int, held: float) -> list[str]:
        """When it is quiet again: whether it has more descriptors open, and holds more memory, than at first."""
        pid = self._server.pid
        until = time.monotonic() + _PATIENCE  # versions may still come and go
        while (now := descriptors(pid)) > opened + _MORE or memory(pid) > held + _GROWTH:
            if time.monotonic() > until:
                return [
                    f"the server has {now} descriptors and {memory(pid):.0f} MiB, and had {opened} and {held:.0f}",
                ]
            await asyncio.sleep(0.1)
        self._memory.append(memory(pid))
        return []

    async def _stopped(self, trouble: Trouble) -> list[str]:
        found = []
        self._server.send_signal(signal.SIGTERM)
        try:
            status = await asyncio.to_thread(self._server.wait, _PATIENCE)
        except subprocess.TimeoutExpired:
            return [f"the server did not stop within {_PATIENCE:g} s"]
        if status:
            found.append(f"the server ended with status {status}")
        remaining = await left(trouble.seen, 60)
        if remaining:
            found.append(f"processes {remaining} are left behind")
        return found

    def _report(
        self, seconds: float, tallies: Mapping[str, Tally], after: Mapping[str, Counts], trouble: Trouble
    ) -> None:
        done = ", ".join(f"{kind} {times}" for kind, times in trouble.done.items())
        print(f"{seconds:.0f} s, seed {self._arguments.seed}; {done}")
        columns = ("sent", "right", "wrong", "failed", "lost", "refused", "vanished")
        print(f"{'model':10}" + "".join(f"{name:>10}" for name in columns))
        for name, one in tallies.items():
            values = [getattr(one, column) for column in columns]
            numbers = [len(value) if isinstance(value, list) else value for value in values]
            print(f"{name:10}" + "".join(f"{number:10}" for number in numbers))
        quarter = max(len(self._memory) // 4, 1)
        parts = (sorted(self._memory[place * quarter : (place + 1) * quarter]) for place in range(4))
        told = ", ".join(f"{part[len(part) // 2]:.0f}" for part in parts if part)
        last = f"{self._memory[-1]:.0f} MiB in the end"
        print(f"processes {len(trouble.seen)}; the server's own memory by quarters, medians: {told}, and {last}")


def _arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long things go wrong (default: 600)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=5, help="seconds between two things that go wrong, on average")
    parser.add_argument("--clients", type=int, default=2, help="of each kind, of which there are nine")
    parser.add_argument("--tokens", type=int, default=96, help="most tokens of an answer")
    parser.add_argument("--silence", type=float, default=2, help="seconds after which a worker hangs")
    parser.add_argument("--fronts", type=int, default=1, help="processes that take connections (server.workers)")
    parser.add_argument("--models", choices=("real", "small"), default="real")
    parser.add_argument("--decoder", type=Path, help="a checkpoint in place of SmolLM2")
    parser.add_argument("--most-refused", type=float, default=0.2, help="share of requests that may be refused")
    parser.add_argument("--keep-log", type=Path, help="where to leave the server's log")
    return parser.parse_args(words)


def main() -> None:
    """Run it, print what happened, and end with status 1 if anything is wrong."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # who is ended must end the server too
    print(described("onnxruntime", "uvicorn", "numpy"))
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(Chaos(arguments, Path(folder)).run())
        if arguments.keep_log is not None:
            arguments.keep_log.write_bytes((Path(folder) / "server.log").read_bytes())
    for one in found:
        print("VIOLATION", one)
    print("nothing is wrong" if not found else f"{len(found)} violations")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
