"""Models for tests that talk to a server over sockets."""

from __future__ import annotations

import os
import threading
import time
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from jackfield import Shape

Rows = Annotated[NDArray[np.float32], Shape(-1, 4)]


GATED = 1000


class Double:
    """Raises where a row begins with 666, so that whole batches fail for one request; NaN where it begins with 404."""

    def predict(self, x: Rows) -> Rows:
        if (x[:, 0] == 666).any():
            raise ValueError("poison in /etc/secret/model.bin")
        out = x * 2
        out[x[:, 0] == 404] = np.nan
        return out


class Slow:
    """Takes the seconds that a row begins with; from `GATED` on until the file named by GATE is there."""

    def predict(self, x: Rows) -> Rows:
        if (x[:, 0] >= GATED).any():
            _wait_for("GATE")
        else:
            time.sleep(float(x[:, 0].max()))
        return x


class TooFew:
    """Gives one row less than it got."""

    def predict(self, x: Rows) -> Rows:
        return x[1:]


class Exits:
    """Tries to take the process down."""

    def predict(self, x: Rows) -> Rows:
        if (x[:, 0] == 1).any():
            raise SystemExit("bye")
        return x


class Text:
    """Text to text."""

    def predict(self, text: list[str]) -> list[str]:
        return [one[::-1] for one in text]


class Gated:
    """Doubles its rows; from `GATED` on once the file named by GATE is there."""

    def predict(self, x: Rows) -> Rows:
        if (x[:, 0] >= GATED).any():
            _wait_for("GATE")
        return x * 2


class GatedOpening:
    """Can be made once the file named by GATE is there."""

    def __init__(self) -> None:
        _wait_for("GATE")

    def predict(self, x: Rows) -> Rows:
        return x


class Clings:
    """Leaves a thread that keeps the interpreter from ending."""

    def __init__(self) -> None:
        threading.Thread(target=time.sleep, args=(3600,), daemon=False).start()

    def predict(self, x: Rows) -> Rows:
        return x


def _wait_for(variable: str) -> None:
    while not os.path.exists(os.environ[variable]):
        time.sleep(0.01)
