"""The batch axis is found out, and never believed where it does not hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from jackfield.config.models import WarmUp, WarmUpInput
from jackfield.errors import LoadError
from jackfield.interfaces import TensorExecutor
from jackfield.lifecycle.probe import settle_batch_axis
from jackfield.testing import ScriptedExecutor, signature_of
from jackfield.types import Array, Capabilities, Datatype, Signature, TensorSpec


class Computing(TensorExecutor):
    """`y` is a function of `x`."""

    def __init__(self, compute: Callable[[Array], Array], signature: Signature | None = None) -> None:
        super().__init__(signature or signature_of(), Capabilities())
        self._compute = compute

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        return {"y": self._compute(inputs["x"])}


def _axes(executor: TensorExecutor) -> list[int | None]:
    return [spec.batch_axis for spec in (*executor.signature.inputs, *executor.signature.outputs)]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("declared", [False, True])
def test_a_batch_axis_that_holds_is_kept(axis: int, declared: bool) -> None:
    executor = ScriptedExecutor(signature_of(axis))
    settle_batch_axis(executor, "auto", declared, None)
    assert _axes(executor) == [axis, axis]


MIXING: dict[str, Callable[[Array], Array]] = {
    "a mean over rows": lambda x: x - x.mean(axis=0, keepdims=True),
    "a softmax over rows": lambda x: np.exp(x) / np.exp(x).sum(axis=0, keepdims=True),
    "rows the other way round": lambda x: x[::-1],
    "a cumulative sum": lambda x: np.cumsum(x, axis=0, dtype=np.float32),
    "one row for all": lambda x: x[:1],
    "a sum": lambda x: x.sum(axis=0, keepdims=True),
}


@pytest.mark.parametrize("mixing", MIXING)
def test_a_model_that_mixes_rows_is_served_one_by_one(mixing: str) -> None:
    executor = Computing(MIXING[mixing])
    settle_batch_axis(executor, "auto", False, None)
    assert _axes(executor) == [None, None]
    assert not executor.signature.batched


@pytest.mark.parametrize("mixing", MIXING)
@pytest.mark.parametrize(("wanted", "declared"), [("auto", True), (0, False), ({"x": 0}, False)])
def test_a_declared_axis_that_does_not_hold_is_an_error(mixing: str, wanted: Any, declared: bool) -> None:
    with pytest.raises(LoadError, match="rows cannot be joined along the declared batch axis: output 'y'"):
        settle_batch_axis(Computing(MIXING[mixing]), wanted, declared, None)


def test_rounding_is_not_mixing() -> None:
    def rounding(x: Array) -> Array:
        return (x * np.float32(1 + 1e-5 * len(x))).astype(np.float32)

    executor = Computing(rounding)
    settle_batch_axis(executor, "auto", False, None)
    assert _axes(executor) == [0, 0]


def test_the_configuration_can_say_that_rows_are_never_joined() -> None:
    executor = ScriptedExecutor()
    settle_batch_axis(executor, False, True, None)
    assert _axes(executor) == [None, None]


def test_the_configuration_can_name_another_axis() -> None:
    executor = ScriptedExecutor(signature_of(0))
    settle_batch_axis(executor, 1, False, None)
    assert _axes(executor) == [1, 1]


def test_the_configuration_can_name_an_axis_for_each_tensor() -> None:
    executor = Computing(lambda x: x.T.copy())
    settle_batch_axis(executor, {"x": 0, "y": 1}, False, None)
    assert _axes(executor) == [0, 1]


def test_a_tensor_that_does_not_exist_is_named() -> None:
    with pytest.raises(LoadError, match="batch_axis names tensor 'z', which the model does not have: it has 'x', 'y'"):
        settle_batch_axis(ScriptedExecutor(), {"z": 0}, False, None)


def test_an_output_without_a_batch_axis_makes_the_model_unbatched() -> None:
    signature = Signature(signature_of().inputs, (TensorSpec("y", Datatype.FP32, None),))
    executor = Computing(lambda x: x, signature)
    settle_batch_axis(executor, "auto", False, None)
    assert _axes(executor) == [None, None]


def test_lengths_are_tried_until_the_model_takes_one() -> None:
    tried: list[int] = []

    def picky(x: Array) -> Array:
        tried.append(x.shape[1])
        if x.shape[1] < 64:
            raise ValueError("too short")
        return x

    assert settle_batch_axis(Computing(picky), "auto", False, None) == 64
    assert sorted(set(tried)) == [8, 32, 64]


def test_a_model_that_takes_no_length_is_an_error_that_says_what_to_do() -> None:
    def never(x: Array) -> Array:
        raise ValueError("not like this")

    with pytest.raises(
        LoadError, match="cannot be run on made-up inputs: ValueError: not like this; declare its inputs"
    ):
        settle_batch_axis(Computing(never), "auto", False, None)
    with pytest.raises(LoadError, match="cannot be probed: running it raised ValueError: not like this; declare"):
        settle_batch_axis(Computing(never), False, False, None)


def test_declared_inputs_are_used() -> None:
    shapes: list[tuple[int, ...]] = []

    def noting(x: Array) -> Array:
        shapes.append(x.shape)
        return x

    warm_up = WarmUp(inputs={"x": WarmUpInput(shape=(5,), fill="random")})
    settle_batch_axis(Computing(noting), "auto", False, warm_up)
    assert set(shapes) == {(1, 5), (2, 5)}
