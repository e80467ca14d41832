"""Padding: rows whose lengths differ share a step, since the shorter ones are filled up. What the configuration says of
it, and what comes of that for one model's signature."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Annotated, Any, Protocol

from pydantic import Field, model_validator

from jackfield.options import Options
from jackfield.types import Array, Signature

Lengths = tuple[int, ...]
"""The lengths of a request's padded axes, in the order of `Padding.axes`."""
_Length = Annotated[int, Field(ge=1, strict=True)]
_AxisNumber = Annotated[int, Field(ge=0, strict=True)]


class Buckets(Options):
    """The lengths that an axis is rounded up to. Longer ones, and those whose rounding would break the budget, stay as
    they are."""

    lengths: tuple[_Length, ...] = ()
    """These lengths; empty: the multiples, or else the powers of two."""
    multiples_of: _Length | None = None
    """Multiples of this number up to `up_to`; null: powers of two up to it."""
    up_to: Annotated[int, Field(ge=1, le=1 << 20, strict=True)] = 512
    """The longest multiple or power."""

    @model_validator(mode="after")
    def _one_of(self) -> Buckets:
        if self.lengths and self.multiples_of is not None:
            raise ValueError("give either 'lengths' or 'multiples_of'")
        if self.multiples_of is not None and self.multiples_of > self.up_to:
            raise ValueError(f"there is no multiple of {self.multiples_of} up to {self.up_to}")
        return self

    def ascending(self) -> Lengths:
        """All of them."""
        if self.lengths:
            return tuple(sorted(set(self.lengths)))
        if self.multiples_of is not None:
            return tuple(range(self.multiples_of, self.up_to + 1, self.multiples_of))
        return tuple(1 << n for n in range(self.up_to.bit_length()) if 1 << n <= self.up_to)


class PadAxis(Options):
    """One axis that is padded, wherever it stands."""

    name: Annotated[str, Field(min_length=1)]
    """Its name in the model's signature, or any other if `inputs` says where it stands."""
    inputs: dict[str, _AxisNumber] = {}
    """Where it stands in inputs whose axes have no names: the number of the axis, with the batch axis counted."""
    outputs: dict[str, _AxisNumber] = {}
    """Where it stands in outputs whose axes have no names; there, answers are cut back to their own length."""
    buckets: Buckets | None = None
    """The lengths that it is rounded up to; null: those of all axes."""


class PadOptions(Options):
    """Requests share a step though their lengths differ: the shorter ones are padded, and their answers cut back."""

    axes: tuple[PadAxis, ...] = ()
    """The axes that are padded; empty: each open axis, other than the batch, that the model's signature names."""
    buckets: Buckets = Buckets()
    """The lengths that axes are rounded up to."""
    budget: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Most of a step's elements, in the inputs that are padded, that may be padding."""
    fill: dict[str, float | str] = {}
    """What an input is padded with, by its name; 0, or an empty text, where nothing is said."""
    prove: bool = True
    """Whether the model is loaded only if padded rows were seen to be answered as they are alone."""


@dataclass(frozen=True, slots=True)
class PaddedAxis:
    """An axis that is padded, and the ascending lengths that it is rounded up to."""

    name: str
    buckets: Lengths

    def rounded(self, length: int) -> int:
        """The smallest bucket that holds `length`; itself beyond the largest."""
        place = bisect_left(self.buckets, length)
        return self.buckets[place] if place < len(self.buckets) else length


class Padded(Protocol):
    """What is asked of work here."""

    rows: int
    lengths: Lengths
    request: Any


@dataclass(frozen=True, slots=True)
class Padding:
    """How a model's inputs are padded. Immutable, thread-safe.

    `fill` holds a value of the input's own dtype for each padded input. `inputs` and `outputs`, by name: (number of the
    axis, index into `axes`) for each padded axis of a tensor; tensors without one are not in there.
    """

    signature: Signature
    axes: tuple[PaddedAxis, ...]
    budget: float
    fill: Mapping[str, Any]
    inputs: Mapping[str, tuple[tuple[int, int], ...]] = field(init=False, compare=False, repr=False)
    outputs: Mapping[str, tuple[tuple[int, int], ...]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        places = {axis.name: place for place, axis in enumerate(self.axes)}
        for role in ("inputs", "outputs"):
            found = {
                spec.name: tuple(
                    (number, places[name])
                    for number, name in enumerate(spec.axes)
                    if name in places and number != spec.batch_axis
                )
                for spec in getattr(self.signature, role)
            }
            object.__setattr__(self, role, {name: axes for name, axes in found.items() if axes})

    def lengths(self, inputs: Mapping[str, Array]) -> Lengths:
        """How long the padded axes of a request are."""
        found = [0] * len(self.axes)
        for name, axes in self.inputs.items():
            array = inputs.get(name)
            if array is not None:
                for number, place in axes:
                    found[place] = array.shape[number]
        return tuple(found)

    def scale(self, work: Padded) -> Scale:
        """How the elements of works that share the key of `work` are counted."""
        inputs: Mapping[str, Array] = work.request.inputs
        terms = []
        for name, axes in self.inputs.items():
            if name in inputs:
                skipped = {number for number, _ in axes} | {self.signature.by_name[name].batch_axis}
                fixed = prod(length for number, length in enumerate(inputs[name].shape) if number not in skipped)
                terms.append((fixed, tuple(place for _, place in axes)))
        return Scale(tuple(terms), self.budget)

    def target(self, works: Sequence[Padded]) -> Lengths:
        """What `works` are padded to if they share a step: the longest of each axis, rounded up to its bucket unless
        that breaks the budget."""
        longest = tuple(map(max, zip(*(work.lengths for work in works), strict=True)))
        rounded = self.rounded(longest)
        if rounded == longest:
            return longest
        scale = self.scale(works[0])
        real = sum(work.rows * scale.elements(work.lengths) for work in works)
        return rounded if scale.allows(rounded, sum(work.rows for work in works), real) else longest

    def rounded(self, lengths: Iterable[int]) -> Lengths:
        """`lengths` up to their buckets."""
        return tuple(axis.rounded(length) for axis, length in zip(self.axes, lengths, strict=True))


@dataclass(frozen=True, slots=True)
class Scale:
    """Counts the elements of one row over all padded inputs. `terms`: for each of these, the product of what is not
    padded, and the indices of what is."""

    terms: tuple[tuple[int, Lengths], ...]
    budget: float

    def elements(self, lengths: Lengths) -> int:
        """Of a row whose padded axes have `lengths`."""
        return sum(fixed * prod(lengths[place] for place in places) for fixed, places in self.terms)

    def allows(self, lengths: Lengths, rows: int, real: int) -> bool:
        """Whether `rows` rows padded to `lengths`, of whose elements `real` are no padding, keep to the budget."""
        total = rows * self.elements(lengths)
        return total - real <= self.budget * total
