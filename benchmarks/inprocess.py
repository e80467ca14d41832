"""ONNX Runtime alone, as the limit that a server is held against: a process that runs batches when it is told to."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAM = """
import json, sys, time
import numpy as np, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
for line in sys.stdin:
    size, tokens, seconds = json.loads(line)
    ids = np.random.default_rng(0).integers(5, 20000, (size, tokens))
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    session.run(None, feed)
    start, runs = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        session.run(None, feed)
        runs += 1
    print(runs * size / (time.perf_counter() - start), flush=True)
"""


class InProcess:
    """A loop that calls the session and does nothing else. Idle, and without spinning threads, between calls."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def rate(self, size: int, tokens: int, seconds: float) -> float:
        """Sequences a second in batches of `size`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([size, tokens, seconds]) + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


@contextmanager
def in_process(model: Path, threads: int) -> Iterator[InProcess]:
    """The process, ended at the end."""
    command = [sys.executable, "-c", _PROGRAM, str(model), str(threads)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield InProcess(process)
    finally:
        process.terminate()
        process.wait(30)
