"""Which shapes a plan is made for: from the batching policy, what it pads, and what the configuration declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jackfield import Expected, Signature, TensorSpec
from jackfield.errors import LoadError
from jackfield_plugins.tensorrt.options import Lengths, TensorRTOptions

_MOST_PROFILES = 16
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """For each input with an open axis: its least, best and most shape."""

    shapes: Mapping[str, tuple[Shape, Shape, Shape]]

    def holds(self, shapes: Mapping[str, Shape]) -> bool:
        """Whether inputs of `shapes` can be run with it."""
        return all(fits(shapes[name], least, most) for name, (least, _, most) in self.shapes.items())


def fits(shape: Shape, least: Shape, most: Shape) -> bool:
    """Whether `shape` has as many axes, none of which is too short or too long."""
    return len(shape) == len(least) and all(a <= n <= b for a, n, b in zip(least, shape, most, strict=True))


def derive(signature: Signature, expected: Expected, options: TensorRTOptions) -> tuple[Profile, ...]:
    """The profiles of a plan: one, or one for each bucket that axes are padded to. A single empty one if no input has
    an open axis. Raises LoadError naming an axis of whose lengths nothing is known, or one that is not there."""
    _check_names(signature, options)
    opened = [spec for spec in signature.inputs if spec.shape is not None and -1 in spec.shape]
    unknown = next((spec.name for spec in signature.inputs if spec.shape is None), None)
    if unknown is not None:
        raise LoadError(f"input '{unknown}' has no known number of axes, which TensorRT needs")
    if not options.profile_per_bucket:
        return (_profile(opened, expected, options, None),)
    return tuple(_profile(opened, expected, options, bucket) for bucket in _buckets(expected))


def _buckets(expected: Expected) -> Iterator[int]:
    """The place of each bucket; axes grow together, so that there are as many profiles as the longest list has."""
    count = max((len(lengths) for lengths in expected.lengths.values()), default=0)
    if count == 0:
        raise LoadError("`profile_per_bucket` needs a batching policy that pads: set `pad` there")
    if count > _MOST_PROFILES:
        raise LoadError(
            f"`profile_per_bucket` would make {count} optimization profiles, and at most {_MOST_PROFILES} are useful: "
            "give fewer buckets"
        )
    yield from range(count)


def _profile(opened: Sequence[TensorSpec], expected: Expected, options: TensorRTOptions, bucket: int | None) -> Profile:
    shapes = {}
    for spec in opened:
        axes = [_axis(spec, number, expected, options, bucket) for number in range(len(spec.shape or ()))]
        least, best, most = (tuple(getattr(axis, what) for axis in axes) for what in ("least", "best", "most"))
        shapes[spec.name] = (least, best, most)
    return Profile(shapes)


def _axis(spec: TensorSpec, number: int, expected: Expected, options: TensorRTOptions, bucket: int | None) -> Lengths:
    shape = spec.shape or ()
    if shape[number] != -1:
        return Lengths(least=shape[number], best=shape[number], most=shape[number])
    if number == spec.batch_axis:
        most = max(expected.max_rows, 2)  # a model is probed with two rows before its batch axis is believed
        best = min(options.best_rows or expected.rows[-1], most)
        return Lengths(least=1, best=best, most=most)
    name = spec.axes[number] if spec.axes else ""
    declared = options.lengths.get(f"{spec.name}:{number}") or (options.lengths.get(name) if name else None)
    if declared is not None:
        return declared
    row = expected.shapes.get(spec.name)
    if row is not None:
        if len(row) != len(shape) - (spec.batch_axis is not None):
            raise LoadError(
                f"`warm_up.inputs.{spec.name}` declares rows of shape {list(row)}, and the input has shape "
                f"{list(shape)}"
            )
        place = number - (spec.batch_axis is not None and spec.batch_axis < number)
        return Lengths(least=row[place], best=row[place], most=row[place])
    buckets = (expected.lengths.get(name) or expected.lengths.get("")) if name else None  # the others are not padded
    if buckets:
        return _bucket(buckets, bucket)
    raise LoadError(
        f"axis {number} of input '{spec.name}'{f' ({name!r})' if name else ''} may have any length, and TensorRT must "
        f"know which: say so in `backend.lengths.{name or f'{spec.name}:{number}'}`, under `warm_up.inputs`, or let "
        "the batching policy pad it"
    )


def _bucket(buckets: Sequence[int], bucket: int | None) -> Lengths:
    if bucket is None:
        return Lengths(least=1, best=buckets[-1], most=buckets[-1])
    place = min(bucket, len(buckets) - 1)
    return Lengths(least=buckets[place - 1] + 1 if place else 1, best=buckets[place], most=buckets[place])


def _check_names(signature: Signature, options: TensorRTOptions) -> None:
    known = {axis for spec in signature.inputs for axis in spec.axes if axis}
    known |= {f"{spec.name}:{number}" for spec in signature.inputs for number in range(len(spec.shape or ()))}
    for name in options.lengths:
        if name not in known:
            listed = ", ".join(f"'{one}'" for one in sorted(known))
            raise LoadError(f"`backend.lengths` names axis '{name}', which no input has: there is {listed}")
