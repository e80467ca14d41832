"""How a Python model states the shape of an array in its type annotations."""

from __future__ import annotations

from typing import Any


class Shape:
    """`Annotated[NDArray[np.float32], Shape(-1, 16)]`: rows of 16 numbers. -1 is an axis of any length; the first
    axis is the batch unless the model's options say otherwise."""

    def __init__(self, *lengths: int) -> None:
        for length in lengths:
            if not isinstance(length, int) or length < -1:
                raise ValueError(f"Shape takes lengths of at least 0, or -1 for any length, not {length!r}")
        self.lengths = lengths

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Shape) and other.lengths == self.lengths

    def __hash__(self) -> int:
        return hash(self.lengths)

    def __repr__(self) -> str:
        return f"Shape({', '.join(map(str, self.lengths))})"
