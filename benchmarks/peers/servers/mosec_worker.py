"""A mosec worker that is handed whole batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from mosec import Server, Worker
from session import ROWS, WINDOW_MS, Model


class Rows(Worker):  # type: ignore[misc]
    """JSON in and out, which mosec decodes in the worker."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()

    def forward(self, data: list[Any]) -> list[Any]:
        """One entry of one row a request."""
        arrays = {
            name: np.concatenate([np.array(one[name], dtype) for one in data])
            for name, dtype in self.model.inputs.items()
        }
        return [{self.model.output: [row]} for row in self.model.run(arrays).tolist()]


if __name__ == "__main__":
    server = Server()
    server.append_worker(Rows, num=1, max_batch_size=ROWS, max_wait_time=WINDOW_MS)
    server.run()
