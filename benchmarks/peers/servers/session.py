"""The model as every peer runs it: ONNX Runtime on the processor, with the same threads. Runs in a peer's environment.

`benchmarks.peers.peer` sets the environment variables BENCH_MODEL, BENCH_THREADS, BENCH_ROWS and BENCH_WINDOW_MS.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnxruntime

ROWS = int(os.environ["BENCH_ROWS"])
WINDOW_MS = int(os.environ["BENCH_WINDOW_MS"])
_DTYPES = {"tensor(int64)": np.int64, "tensor(float)": np.float32}


class Model:
    """One session. `inputs`: names and dtypes, in order; `output`: the name of the only output."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["BENCH_THREADS"])
        path = os.environ["BENCH_MODEL"]
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.inputs: dict[str, Any] = {one.name: _DTYPES[one.type] for one in self._session.get_inputs()}
        self.output: str = self._session.get_outputs()[0].name

    def run(self, rows: dict[str, Any]) -> Any:
        """The output for arrays by input name."""
        return self._session.run([self.output], rows)[0]
