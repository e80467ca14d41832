"""The tensors of a checkpoint, each taken by name and checked for its shape. Nothing is read but what is taken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from jackfield.errors import LoadError
from jackfield_plugins.generation.spec import Weight

BYTES = {"F32": 4, "F16": 2, "BF16": 2}
"""Bytes of an element, for what is not quantised."""


class Weights:
    """Tensors by name. `source` is named in every error. What was taken is remembered, so that the rest is found."""

    def __init__(self, source: str, tensors: Mapping[str, Weight]) -> None:
        self.source = source
        self._tensors = tensors
        self._taken: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __iter__(self) -> Iterator[Weight]:
        return iter(self._tensors.values())

    def take(self, name: str, shape: Sequence[int]) -> Weight:
        """The tensor `name`; raises LoadError naming it if there is none or its shape is not `shape`."""
        tensor = self._tensors.get(name)
        if tensor is None:
            raise LoadError(f"'{self.source}' holds no tensor '{name}', which its architecture needs")
        if tensor.shape != tuple(shape):
            raise LoadError(
                f"tensor '{name}' of '{self.source}' has the shape {list(tensor.shape)}, and the configuration makes "
                f"it {list(shape)}"
            )
        self._taken.add(name)
        return tensor

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of the tensor `name`, None if there is none."""
        tensor = self._tensors.get(name)
        return None if tensor is None else tensor.shape

    def left(self) -> list[str]:
        """The names of those that were not taken, sorted."""
        return sorted(self._tensors.keys() - self._taken)


def elements(shape: Sequence[int]) -> int:
    """How many elements a tensor of `shape` has, without overflow."""
    return math.prod(shape)
