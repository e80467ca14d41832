"""Rolling updates under load: python -m benchmarks.rolling

A model is asked at a steady rate while it rolls to another version by SIGHUP, again and again, with a pause as long as
the last update before each: requests that were due in pauses are the measure for those that were due during updates.
Their time counts from when they were due.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.load import Measured
from benchmarks.machine import described
from benchmarks.minilm import requests
from benchmarks.openloop import poisson
from benchmarks.peers.encodings import binary
from benchmarks.serving import Running, serving

_LOOKS = 0.01  # seconds between looks at the log


@dataclass(slots=True)
class Load:
    """What became of requests: when each was due, and seconds from then to its answer. `failed`: all that were not
    answered with 200."""

    due: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def within(self, spans: Sequence[tuple[float, float]]) -> Measured:
        """Of those that were due in any of `spans`."""
        seconds = sum(end - begin for begin, end in spans)
        took = [t for d, t in zip(self.due, self.took, strict=True) if any(a <= d < b for a, b in spans)]
        return Measured(0, seconds, took)


async def client(port: int, asked: Sequence[bytes], rate: float, seed: int, load: Load, stop: asyncio.Event) -> None:
    """One connection: a request when it is due, or when the one before is answered if that is later."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    try:
        for number, moment in enumerate(poisson(lambda _: rate, 3600, seed)):
            due = began + moment
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            if stop.is_set():
                return
            writer.write(asked[(seed + number) % len(asked)])
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(head.lower().split(b"\r\ncontent-length: ", 1)[1].split(b"\r\n", 1)[0]))
            load.due.append(due)
            load.took.append(time.perf_counter() - due)
            if not head.startswith(b"HTTP/1.1 200"):
                load.failed.append(f"{head[:40]!r} {body[:200]!r}")
    except (OSError, asyncio.IncompleteReadError) as error:
        load.failed.append(repr(error))
    finally:
        writer.close()


def small() -> list[bytes]:
    """Requests for the small model."""
    rows = (np.full((1, 4), value, np.float32) for value in range(16))
    return [binary("/v2/models/model/infer", {"x": row}) for row in rows]


class Rolling:
    """Writes another version into the configuration, says so, and waits until the server is done with it."""

    def __init__(self, server: Running, folder: Path, model: dict[str, Any]) -> None:
        self._pid = server.pid
        self._config = folder / "jackfield.yaml"
        self._log = folder / "server.log"
        self._content = yaml.safe_load(self._config.read_text())
        self._model = model

    async def to(self, version: int) -> tuple[float, float]:
        """Roll; from when to when that took."""
        self._content["models"]["model"] = {**self._model, "version": str(version)}
        self._config.write_text(yaml.safe_dump(self._content))
        done = self._done()
        began = time.perf_counter()
        os.kill(self._pid, signal.SIGHUP)
        while self._done() == done:  # noqa: ASYNC110  (a log has no event)
            await asyncio.sleep(_LOOKS)
        return began, time.perf_counter()

    def _done(self) -> int:
        return self._log.read_text().count('"rolled":["model"]')


async def measured(
    server: Running, folder: Path, model: dict[str, Any], arguments: argparse.Namespace
) -> tuple[Load, list[tuple[float, float]], list[tuple[float, float]]]:
    """The load, the spans of updates, and those of the pauses before them."""
    load, stop = Load(), asyncio.Event()
    asked = requests(binary=True, model="model") if arguments.model else small()
    rate = arguments.rate / arguments.connections
    clients = [
        asyncio.create_task(client(server.port, asked, rate, seed, load, stop)) for seed in range(arguments.connections)
    ]
    updates, pauses = list[tuple[float, float]](), list[tuple[float, float]]()
    rolling = Rolling(server, folder, model)
    await asyncio.sleep(arguments.settle)
    for number in range(arguments.updates):
        began = time.perf_counter()
        length = updates[-1][1] - updates[-1][0] if updates else 1.0
        await asyncio.sleep(length)
        pauses.append((began, time.perf_counter()))
        updates.append(await rolling.to(number + 2))
        await asyncio.sleep(arguments.apart)
    stop.set()
    await asyncio.gather(*clients)
    return load, updates, pauses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="MiniLM as an ONNX file; without it a small class is asked")
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--rate", type=float, default=100, help="requests a second")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--settle", type=float, default=2, help="seconds before the first pause")
    parser.add_argument("--apart", type=float, default=0.2, help="seconds after an update that count for neither")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    print(described("onnxruntime", "uvicorn"))
    model: dict[str, Any] = {"source": f"{Path('examples/models.py').absolute()}:Scale"}
    if arguments.model:
        backend = {"name": "onnxruntime", "threads": arguments.threads}
        model = {"source": str(arguments.model.absolute()), "backend": backend}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = {"models": {"model": {**model, "version": "1"}}, "log": {"format": "json"}}
        with serving(config, folder) as server:
            before = server.memory_mib()
            load, updates, pauses = asyncio.run(measured(server, folder, model, arguments))
            memory = server.memory_mib() - before
    during, quiet = load.within(updates), load.within(pauses)
    print(f"{len(updates)} updates of {during.seconds / len(updates):.2f} s, {len(load.took)} requests")
    for one in load.failed[:5]:
        print(f"  failed: {one}")
    print(f"failed: {len(load.failed)}; memory {memory:+.0f} MiB")
    print(f"{'':10}{'requests':>10}{'p50 ms':>9}{'p99 ms':>9}{'most ms':>9}")
    for what, seen in (("quiet", quiet), ("updating", during)):
        shown = "".join(f"{seen.percentile(percent):9.1f}" for percent in (50, 99, 100))
        print(f"{what:10}{len(seen.latencies):10}{shown}")
    print(f"p99 updating / quiet: {during.percentile(99) / quiet.percentile(99):.2f}")
    if load.failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
