"""Made-up inputs fit the signature, and are such that models take them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.config.models import WarmUp, WarmUpInput
from jackfield.errors import LoadError
from jackfield.lifecycle.samples import LENGTHS, lengths_to_try, sample
from jackfield.lifecycle.warmup import warm_up
from jackfield.signature import measure
from jackfield.testing import DOUBLE, Fault, ScriptedExecutor
from jackfield.types import Datatype, Signature, TensorSpec

SHAPES = st.lists(st.sampled_from([-1, 1, 3]), min_size=1, max_size=4).map(tuple)


def _one(datatype: Datatype, shape: tuple[int, ...] | None = (-1, -1), axis: int | None = 0) -> Signature:
    return Signature((TensorSpec("x", datatype, shape, batch_axis=axis),), ())


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    st.sampled_from(list(Datatype)), SHAPES, st.integers(0, 3), st.integers(1, 4), st.integers(1, 9), st.integers(0, 2)
)
def test_samples_fit_the_signature(
    datatype: Datatype, shape: tuple[int, ...], axis: int, rows: int, length: int, variant: int
) -> None:
    at = axis if axis < len(shape) and shape[axis] == -1 else None
    signature = _one(datatype, shape, at)
    inputs = sample(signature, rows, length, None, variant)
    weight = measure(signature, "m", inputs)
    assert weight.rows == (1 if at is None else rows)


def test_an_open_rank_gets_just_the_batch_axis() -> None:
    assert sample(_one(Datatype.INT32, None, 1), 3, 8)["x"].shape == (8, 3)


def test_whole_numbers_are_valid_indices_and_masks() -> None:
    for variant in range(3):
        x = sample(_one(Datatype.INT64), 4, 16, None, variant)["x"]
        assert set(x.ravel().tolist()) <= {0, 1}
        assert (x[:, 0] == 1).all()


@pytest.mark.parametrize("datatype", [Datatype.FP32, Datatype.FP16, Datatype.INT64, Datatype.BYTES])
def test_variants_differ_and_are_the_same_each_time(datatype: Datatype) -> None:
    first, second = (sample(_one(datatype), 2, 32, None, variant)["x"] for variant in (0, 1))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, sample(_one(datatype), 2, 32, None, 0)["x"])


def test_optional_inputs_are_left_out_unless_they_are_declared() -> None:
    optional = TensorSpec("x", Datatype.FP32, (-1,), batch_axis=0, optional=True)
    signature = Signature((optional, TensorSpec("y", Datatype.FP32, (-1,), batch_axis=0)), ())
    assert list(sample(signature, 1, 8)) == ["y"]
    assert list(sample(signature, 1, 8, WarmUp(inputs={"x": WarmUpInput()}))) == ["x", "y"]


def test_one_of_several_alternatives_is_made_up() -> None:
    either = (TensorSpec(name, Datatype.FP32, (-1,), batch_axis=0, optional=True) for name in "xy")
    signature = Signature(tuple(either), ())
    assert list(sample(signature, 1, 8)) == ["x"]
    assert list(sample(signature, 1, 8, WarmUp(inputs={"y": WarmUpInput()}))) == ["y"]


@pytest.mark.parametrize(("fill", "value"), [("zeros", 0.0), ("ones", 1.0), (2.5, 2.5)])
def test_declared_shapes_are_those_of_one_row(fill: float, value: float) -> None:
    declared = WarmUp(inputs={"x": WarmUpInput(shape=(3,), fill=fill)})
    x = sample(DOUBLE, 2, 8, declared)["x"]
    assert x.shape == (2, 3)
    assert (x == value).all()


def test_a_declared_shape_of_another_rank_is_an_error() -> None:
    with pytest.raises(
        LoadError, match=r"input 'x' has shape \[-1, -1\] with its batch axis; \[3, 4\] .* does not fit"
    ):
        sample(DOUBLE, 1, 8, WarmUp(inputs={"x": WarmUpInput(shape=(3, 4))}))


def test_an_input_that_does_not_exist_is_named() -> None:
    with pytest.raises(LoadError, match="warm_up names input 'z', which the model does not have: it takes 'x'"):
        sample(DOUBLE, 1, 8, WarmUp(inputs={"z": WarmUpInput()}))


def test_a_row_can_come_from_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "row.npy", np.arange(3, dtype=np.float32))
    (tmp_path / "row.json").write_text(json.dumps([0, 1, 2]))
    for name in ("row.npy", "row.json"):
        x = sample(DOUBLE, 2, 8, WarmUp(inputs={"x": WarmUpInput(file=str(tmp_path / name))}))["x"]
        assert x.tolist() == [[0.0, 1.0, 2.0]] * 2


@pytest.mark.parametrize(("name", "content"), [("gone.npy", None), ("bad.npy", "no array"), ("bad.json", "{")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: str | None) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(LoadError, match=f"input 'x': cannot read .*{name}"):
        sample(DOUBLE, 1, 8, WarmUp(inputs={"x": WarmUpInput(file=str(tmp_path / name))}))


def test_a_pickle_in_a_file_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "row.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(LoadError, match="cannot read"):
        sample(DOUBLE, 1, 8, WarmUp(inputs={"x": WarmUpInput(file=str(tmp_path / "row.npy"))}))


def test_one_length_is_enough_where_none_is_open() -> None:
    assert list(lengths_to_try(DOUBLE, None)) == list(LENGTHS)
    assert len(list(lengths_to_try(_one(Datatype.FP32, (-1, 3)), None))) == 1
    assert len(list(lengths_to_try(DOUBLE, WarmUp(inputs={"x": WarmUpInput(shape=(3,))})))) == 1


def test_warming_up_runs_every_size_and_says_how_far_it_is() -> None:
    executor = ScriptedExecutor()
    told: list[tuple[str, int, int]] = []
    took = warm_up(executor, [1, 2, 4], 8, None, lambda *progress: told.append(progress))
    assert [run.shape for run in executor.runs] == [(1, 8), (2, 8), (4, 8), (1, 8)]
    assert told == [("warming up", done, 3) for done in range(4)]
    assert took >= 0


def test_a_model_that_fails_to_warm_up_says_with_how_many_rows() -> None:
    executor = ScriptedExecutor(script=[None, Fault.MEMORY])
    with pytest.raises(LoadError, match="the model failed to warm up with 2 rows: MemoryError"):
        warm_up(executor, [1, 2, 4], 8, None, lambda *_: None)
