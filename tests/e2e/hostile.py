"""Models that misbehave on demand, and are good otherwise. What a row begins with says what happens."""

from __future__ import annotations

import os
import time
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from jackfield import Shape

Rows = Annotated[NDArray[np.float32], Shape(-1, 4)]
Wide = Annotated[NDArray[np.float32], Shape(-1, -1)]

MEMORY = 50
EXITS, TOO_FEW, MISSHAPEN, NAN, NONE, INTERRUPTS, TEXT, RAISES, WAITS, GATED = range(100, 1100, 100)


class Fickle:
    """Doubles its rows; from `WAITS` on it first takes the seconds that are beyond it, and from `GATED` on it waits
    until the file named by GATE is there."""

    def predict(self, x: Rows) -> Rows:
        first = x[:, 0]
        if (first >= GATED).any():
            while not os.path.exists(os.environ["GATE"]):
                time.sleep(0.01)
        elif (first >= WAITS).any():
            time.sleep(float(first.max()) - WAITS)
        wishes = set(first.tolist())
        if EXITS in wishes:
            raise SystemExit("bye")
        if INTERRUPTS in wishes:
            raise KeyboardInterrupt
        if MEMORY in wishes:
            raise MemoryError
        if RAISES in wishes:
            raise ValueError("no such file: /srv/secret/weights.bin")
        if wishes & {TOO_FEW, MISSHAPEN, NONE, TEXT}:
            wrong: Rows = self._wrong(x, wishes)
            return wrong
        out = x * 2
        out[first == NAN] = np.nan
        return out

    def _wrong(self, x: Rows, wishes: set[float]) -> Any:
        if TOO_FEW in wishes:
            return x[1:]
        if MISSHAPEN in wishes:
            return x[:, :3]
        return None if NONE in wishes else "text"


class Large:
    """Gives each row as many million columns as it begins with, all of what the row has in its second place."""

    def predict(self, x: Rows) -> Wide:
        columns = max(int(x[:, 0].max()), 0) * 1_000_000 or 1
        return np.repeat(x[:, 1:2], columns, axis=1)
