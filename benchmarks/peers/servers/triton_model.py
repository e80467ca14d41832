"""A model of Triton's Python backend: the dynamic batcher hands over some requests, and they run as one batch."""

from __future__ import annotations

import os
import sys
from typing import Any

sys.path[:0] = os.environ["BENCH_MODULES"].split(os.pathsep)  # the interpreter within Triton's stub heeds no PYTHONPATH

import numpy as np  # noqa: E402
import triton_python_backend_utils as triton  # noqa: E402
from session import Model  # noqa: E402


class TritonPythonModel:
    """What the backend looks for."""

    def initialize(self, args: Any) -> None:
        """Before the first request."""
        self.model = Model()

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response a request, in order."""
        parts = {
            name: [triton.get_input_tensor_by_name(one, name).as_numpy() for one in requests]
            for name in self.model.inputs
        }
        rows = [len(part) for part in next(iter(parts.values()))]
        output = self.model.run({name: np.concatenate(part) for name, part in parts.items()})
        pieces = np.split(output, np.cumsum(rows)[:-1])
        return [triton.InferenceResponse([triton.Tensor(self.model.output, piece)]) for piece in pieces]
