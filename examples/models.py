"""Models in plain Python: typed `predict` over batched arrays is all that is needed."""

from __future__ import annotations

from typing import Annotated, TypedDict

import numpy as np
from numpy.typing import NDArray

from jackfield import Shape

Rows = Annotated[NDArray[np.float32], Shape(-1, 4)]
Numbers = Annotated[NDArray[np.float32], Shape(-1)]


class Scaled(TypedDict):
    """What `Scale` answers with: one row of numbers, and their sum, for each row that was sent."""

    scaled: Rows
    total: Numbers


class Scale:
    """Multiplies by a factor that the configuration chooses."""

    def __init__(self, factor: float = 2.0) -> None:
        self.factor = np.float32(factor)

    def predict(self, x: Rows) -> Scaled:
        scaled = x * self.factor
        return {"scaled": scaled, "total": scaled.sum(axis=1)}


class Shout:
    """Text in, text out: BYTES tensors are lists of strings."""

    def predict(self, text: list[str]) -> list[str]:
        return [one.upper() + "!" for one in text]


Values = Annotated[NDArray[np.float32], Shape(-1, -1)]
Marks = Annotated[NDArray[np.int64], Shape(-1, -1)]


class Averaged(TypedDict):
    """What `Average` answers with: the values that counted, and what they come to on average."""

    weighted: Values
    average: Numbers


class Average:
    """Rows of any length with a mask, so that padding counts for nothing."""

    def predict(self, x: Values, mask: Marks) -> Averaged:
        weighted = x * mask.astype(np.float32)
        return {"weighted": weighted, "average": weighted.sum(axis=1) / np.maximum(mask.sum(axis=1), 1)}


Points = Annotated[NDArray[np.float32], Shape(-1, 2)]


class Centre:
    """Rows that differ in shape come as a list, one array a row: here, points moved so that their centre is at 0."""

    def predict(self, points: list[Points]) -> list[Points]:
        return [one - one.mean(axis=0, keepdims=True) for one in points]
