"""Shapes that plans are made for."""

from __future__ import annotations

import pytest

from jackfield import Datatype, Expected, Signature, TensorSpec
from jackfield.errors import LoadError
from jackfield_plugins.tensorrt.options import Lengths, TensorRTOptions
from jackfield_plugins.tensorrt.profiles import Profile, derive

IDS = TensorSpec("ids", Datatype.INT64, (-1, -1), ("batch", "tokens"), 0)
IMAGE = TensorSpec("image", Datatype.FP32, (-1, 3, 224, 224), (), 0)
STATE = TensorSpec("state", Datatype.FP32, (2, -1, 128), (), 1)


def signature(*inputs: TensorSpec) -> Signature:
    return Signature(inputs, (TensorSpec("out", Datatype.FP32, (-1, 4), (), 0),))


def only(profiles: tuple[Profile, ...]) -> dict[str, tuple[tuple[int, ...], ...]]:
    (profile,) = profiles
    return dict(profile.shapes)


def test_rows_come_from_the_batching_policy() -> None:
    assert only(derive(signature(IMAGE, STATE), Expected((1, 4, 8), 8), TensorRTOptions())) == {
        "image": ((1, 3, 224, 224), (8, 3, 224, 224), (8, 3, 224, 224)),
        "state": ((2, 1, 128), (2, 8, 128), (2, 8, 128)),
    }
    best = only(derive(signature(IMAGE), Expected((1, 64), 64), TensorRTOptions(best_rows=16)))
    assert [shape[0] for shape in best["image"]] == [1, 16, 64]


def test_there_is_room_for_the_two_rows_that_a_model_is_probed_with() -> None:
    assert [shape[0] for shape in only(derive(signature(IMAGE), Expected(), TensorRTOptions()))["image"]] == [1, 1, 2]


@pytest.mark.parametrize(
    ("expected", "options"),
    [
        (Expected((4,), 4), TensorRTOptions(lengths={"tokens": Lengths(best=64, most=128)})),
        (Expected((4,), 4), TensorRTOptions(lengths={"ids:1": Lengths(best=64, most=128)})),
    ],
)
def test_open_axes_get_the_lengths_that_are_declared(expected: Expected, options: TensorRTOptions) -> None:
    assert only(derive(signature(IDS), expected, options)) == {"ids": ((1, 1), (4, 64), (4, 128))}


def test_open_axes_get_the_shape_that_they_are_warmed_up_with() -> None:
    found = only(derive(signature(IDS), Expected((4,), 4, {"ids": (32,)}), TensorRTOptions()))
    assert found == {"ids": ((1, 32), (4, 32), (4, 32))}
    with pytest.raises(LoadError, match=r"declares rows of shape \[1, 32\], and the input has shape \[-1, -1\]"):
        derive(signature(IDS), Expected((4,), 4, {"ids": (1, 32)}), TensorRTOptions())


@pytest.mark.parametrize("name", ["tokens", ""])
def test_open_axes_get_the_lengths_that_they_are_padded_to(name: str) -> None:
    expected = Expected((4,), 4, {}, {name: (16, 64)})
    assert only(derive(signature(IDS), expected, TensorRTOptions())) == {"ids": ((1, 1), (4, 64), (4, 64))}
    small, large = derive(signature(IDS), expected, TensorRTOptions(profile_per_bucket=True))
    assert dict(small.shapes) == {"ids": ((1, 1), (4, 16), (4, 16))}
    assert dict(large.shapes) == {"ids": ((1, 17), (4, 64), (4, 64))}
    assert small.holds({"ids": (4, 16)})
    assert not small.holds({"ids": (4, 17)})
    assert large.holds({"ids": (1, 17)})
    assert not large.holds({"ids": (5, 17)})
    assert not large.holds({"ids": (17,)})


def test_what_nobody_declares_is_named() -> None:
    with pytest.raises(LoadError, match=r"axis 1 of input 'ids' \('tokens'\) may have any length.*lengths\.tokens`"):
        derive(signature(IDS), Expected(), TensorRTOptions())
    unnamed = TensorSpec("ids", Datatype.INT64, (-1, -1), (), 0)
    with pytest.raises(LoadError, match=r"axis 1 of input 'ids' may have any length.*`backend\.lengths\.ids:1`"):
        derive(signature(unnamed), Expected((1,), 1, {}, {"": (8,)}), TensorRTOptions())


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(LoadError, match="names axis 'token', which no input has: there is 'batch', 'ids:0', 'ids:1'"):
        derive(signature(IDS), Expected(), TensorRTOptions(lengths={"token": Lengths(best=8, most=8)}))
    with pytest.raises(LoadError, match="`profile_per_bucket` needs a batching policy that pads"):
        derive(signature(IMAGE), Expected(), TensorRTOptions(profile_per_bucket=True))
    many = Expected((1,), 1, {}, {"tokens": tuple(range(1, 18))})
    with pytest.raises(LoadError, match="would make 17 optimization profiles, and at most 16"):
        derive(signature(IDS), many, TensorRTOptions(profile_per_bucket=True))
    with pytest.raises(LoadError, match="input 'x' has no known number of axes"):
        derive(signature(TensorSpec("x", Datatype.FP32, None)), Expected(), TensorRTOptions())


def test_lengths_ascend() -> None:
    with pytest.raises(ValueError, match="got least 1, best 64, most 32, expected them ascending"):
        Lengths(best=64, most=32)
