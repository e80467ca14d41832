"""Models whose answers are whole numbers, so that they can be compared exactly; imported by the server, by path."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from jackfield import Shape

Rows = Annotated[NDArray[np.float32], Shape(-1, 8)]


class Embed:
    """Eight numbers to eight numbers."""

    def predict(self, x: Rows) -> Rows:
        return (x * 31 + np.roll(x, 1, axis=1) * 17) % 1009


class Classify:
    """Ones in the place of the largest number."""

    def predict(self, x: Rows) -> Rows:
        ones: Rows = (x == x.max(axis=1, keepdims=True)).astype(np.float32)
        return ones
