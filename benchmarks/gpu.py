"""The whole check of a device in one command, within ten minutes: python -m benchmarks.gpu

What the driver and each backend see; the tests that are marked `gpu`; then, for each backend and way that can be had,
whether an encoder of MiniLM's size answers as on the processor in float64, how many rows a second it makes in this
process and behind the server, and how busy the device is meanwhile. `--device cpu` goes the same way on the processor.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch

from benchmarks.gpu_models import HIDDEN, TOKENS, Encoder, export
from benchmarks.machine import described
from jackfield import Array, Server
from jackfield.cuda import cuda_devices, missing_driver
from jackfield.errors import JackfieldError

MOST = 64
TESTS_S = 240


@dataclass(frozen=True, slots=True)
class Way:
    """A backend with options, and the kind of file that it is given."""

    name: str
    kind: str
    backend: Mapping[str, Any]


_GRAPHS = {"name": "torch", "compile": True, "buckets": True, "compile_mode": "reduce-overhead"}
_HEAD = ("way", "furthest from float64", "rows/s in process", "behind the server", "ratio", "device busy")
WAYS = (
    Way("torch", "torch", {"name": "torch"}),
    Way("torch, compiled", "torch", {"name": "torch", "compile": True, "buckets": True}),
    Way("torch, CUDA graphs", "torch", _GRAPHS),
    Way("onnxruntime", "onnx", {"name": "onnxruntime"}),
    Way("tensorrt, fp32", "onnx", {"name": "tensorrt", "cuda_graphs": 0}),
    Way("tensorrt, fp32, graphs", "onnx", {"name": "tensorrt"}),
    Way("tensorrt, fp16", "onnx", {"name": "tensorrt", "precision": "fp16"}),
)


class Busy:
    """How busy the device is while something runs, in percent, as `nvidia-smi` tells; None where there is none."""

    def __init__(self) -> None:
        self.percent: float | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        stop, seen = threading.Event(), list[float]()

        def look() -> None:
            command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--id=0"]
            while not stop.wait(0.2):
                try:
                    seen.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
                except (OSError, ValueError, subprocess.CalledProcessError):
                    return

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self.percent = sum(seen) / len(seen) if seen else None


async def _served(server: Server, rows: Array, seconds: float, at_once: int) -> float:
    """Rows a second, one to a request."""
    end, done = time.perf_counter() + seconds, 0

    async def ask(number: int) -> None:
        nonlocal done
        x = rows[number % len(rows)][None]
        while time.perf_counter() < end:
            await server.infer("m", {"x": x})
            done += 1

    start = time.perf_counter()
    await asyncio.gather(*(ask(number) for number in range(at_once)))
    return done / (time.perf_counter() - start)


def _alone(executor: Any, rows: Array, seconds: float) -> float:
    """Rows a second of the executor alone, in full batches."""
    end, done, start = time.perf_counter() + seconds, 0, time.perf_counter()
    while time.perf_counter() < end:
        executor.run({"x": rows}, ["y"])
        done += len(rows)
    return done / (time.perf_counter() - start)


async def _way(way: Way, sources: Mapping[str, Path], device: str, rows: Array, want: Array, seconds: float) -> str:
    model = {
        "source": str(sources[way.kind]),
        "device": device,
        "backend": dict(way.backend),
        "batching": {"policy": "dynamic", "max_batch_size": MOST},
    }
    busy = Busy()
    async with Server({"models": {"m": model}}) as server:
        answers = await asyncio.gather(*(server.infer("m", {"x": row[None]}) for row in rows))
        got = np.concatenate([answer.outputs[next(iter(answer.outputs))] for answer in answers])
        far = float(np.abs(got - want).max())
        replica: Any = server.model("m").version().replicas[0]
        executor = replica._engine._executor
        name = executor.signature.output_names[0]
        inside = await asyncio.to_thread(_alone, _Renamed(executor, name), rows, seconds)
        with busy.watched():
            outside = await _served(server, rows, seconds, 4 * MOST)
    shown = "" if busy.percent is None else f" | {busy.percent:.0f} %"
    return f"{far:.1e} | {inside:,.0f} | {outside:,.0f} | {outside / inside:.2f}{shown}"


class _Renamed:
    """An executor whose only output is called `y`."""

    def __init__(self, executor: Any, name: str) -> None:
        self._executor, self._name = executor, name

    def run(self, inputs: dict[str, Array], outputs: list[str]) -> None:
        self._executor.run(inputs, [self._name])


def _tested() -> str:
    """The last line of the tests that need a device."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TESTS_S)
    except subprocess.TimeoutExpired:
        return f"the tests took longer than {TESTS_S} s"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return "\n".join([*failed, (done.stdout.splitlines() or [done.stderr])[-1]])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--ways", nargs="*", default=[way.name for way in WAYS])
    parser.add_argument("--no-tests", action="store_true")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    reason = missing_driver()
    if chosen.device != "cpu" and reason is not None:
        sys.exit(f"{reason}: `--device cpu` goes the same way without a device")
    print(described("torch"))
    for found in cuda_devices():
        memory = (found.device.memory_free or 0) / 2**30
        print(f"{found.device.name}: {found.device.description}, capability {found.capability}, {memory:.0f} GiB free")
    if not chosen.no_tests and reason is None:
        print(_tested(), flush=True)
    rows = np.random.default_rng(0).normal(size=(MOST, TOKENS, HIDDEN)).astype(np.float32)
    with torch.inference_mode():
        want = Encoder().eval().double()(torch.from_numpy(rows).double()).numpy()
    print(f"| {' | '.join(_HEAD)} |\n{'|---' * len(_HEAD)}|")
    with tempfile.TemporaryDirectory() as folder:
        sources = export(Path(folder), MOST)
        for way in WAYS:
            if way.name not in chosen.ways:
                continue
            try:
                told = asyncio.run(_way(way, sources, chosen.device, rows, want, chosen.seconds))
            except JackfieldError as error:
                told = str(error).splitlines()[0]
            print(f"| {way.name} | {told} |", flush=True)


if __name__ == "__main__":
    main()
