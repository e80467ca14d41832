"""Models for `benchmarks.placement`: one that costs nothing, and one that keeps one core busy with the interpreter."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from jackfield import Shape

Numbers = Annotated[NDArray[np.float32], Shape(-1, -1)]


class Echo:
    """Gives back what it gets."""

    def predict(
        self, x: Annotated[NDArray[np.float32], Shape(-1, -1)]
    ) -> Annotated[NDArray[np.float32], Shape(-1, -1)]:
        return x


class Busy:
    """Some milliseconds of Python for each row, which no thread runs beside another."""

    def predict(
        self, x: Annotated[NDArray[np.float32], Shape(-1, -1)]
    ) -> Annotated[NDArray[np.float32], Shape(-1, -1)]:
        total = 0
        for _ in range(len(x)):
            for number in range(100_000):
                total += number & 3
        return x + (total & 0)
