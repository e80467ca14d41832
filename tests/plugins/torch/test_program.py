"""The signature of an exported program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from jackfield import Datatype
from jackfield.errors import LoadError
from jackfield_plugins.torch.program import UNBOUNDED, Described, describe
from tests.plugins.torch import programs


def described(path: Path) -> Described:
    return describe(torch.export.load(path), "m.pt2")


def outputs(path: Path) -> list[str]:
    return [spec.name for spec in described(path).signature.outputs]


def test_axes_of_one_symbol_share_a_name(tmp_path: Path) -> None:
    found = described(programs.tokens(tmp_path / "m.pt2"))
    ids, mask = found.signature.inputs
    hidden, pooled = found.signature.outputs
    assert (ids.name, ids.datatype, ids.shape) == ("ids", Datatype.INT64, (-1, -1))
    assert (mask.name, mask.datatype, mask.shape) == ("mask", Datatype.FP32, (-1, -1))
    assert (hidden.name, hidden.shape, pooled.name, pooled.shape) == ("hidden", (-1, -1, 8), "pooled", (-1, 8))
    assert ids.axes == mask.axes
    assert hidden.axes == (*ids.axes, "")
    assert pooled.axes == (ids.axes[0], "")
    assert all(spec.batch_axis == 0 for spec in (ids, mask, hidden, pooled))
    assert found.bounds == (("ids", 1, 0, 64), ("mask", 1, 0, 64))
    assert found.max_rows is None


def test_structures_become_names_and_constants_are_kept(tmp_path: Path) -> None:
    found = described(programs.nested(tmp_path / "m.pt2"))
    assert [spec.name for spec in found.signature.inputs] == ["d_u", "pair_0", "pair_1", "mask"]
    assert [spec.name for spec in found.signature.outputs] == ["a", "pair_0", "pair_1"]
    assert found.fixed == {3: 3, 4: None}


def test_limits_of_the_batch_are_told(tmp_path: Path) -> None:
    found = described(programs.mlp(tmp_path / "m.pt2", min=4, max=8))
    assert found.max_rows == 8
    assert found.bounds == (("x", 0, 4, 8),)
    assert described(programs.mlp(tmp_path / "n.pt2", min=4)).bounds == (("x", 0, 4, UNBOUNDED),)


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda x: x + 1, ["output"]),
        (lambda x: (x + 1,), ["output"]),
        (lambda x: (x + 1, x * 2), ["output_0", "output_1"]),
        (lambda x: [x + 1, (x * 2, x * 3)], ["output_0", "output_1_0", "output_1_1"]),
        (lambda x: {"a": x + 1, "b": None}, ["a"]),
    ],
)
def test_outputs_are_named_after_the_structure(tmp_path: Path, function: Any, names: list[str]) -> None:
    assert outputs(programs.apply(function, tmp_path / "m.pt2")) == names


def test_rows_may_lie_along_another_axis(tmp_path: Path) -> None:
    path = programs.export(
        programs.Apply(lambda x: x.sum(0)),
        tmp_path / "m.pt2",
        torch.zeros(2, 3, 4),
        dynamic={"x": {1: programs.dim("b")}},
    )
    signature = described(path).signature
    assert signature.inputs[0].batch_axis == 1
    assert signature.outputs[0].batch_axis == 0


def test_a_program_of_fixed_shapes_has_no_batch(tmp_path: Path) -> None:
    path = programs.export(programs.Mlp(), tmp_path / "m.pt2", torch.zeros(2, 16))
    found = described(path)
    assert not found.signature.batched
    assert found.signature.inputs[0].shape == (2, 16)
    assert found.signature.inputs[0].axes == ()
    assert found.bounds == ()


def test_an_axis_that_is_a_sum_of_others_has_no_name(tmp_path: Path) -> None:
    def double(x: Tensor) -> Tensor:
        return torch.cat([x, x])

    signature = described(programs.apply(double, tmp_path / "m.pt2")).signature
    assert signature.outputs[0].shape == (-1, 2)
    assert signature.outputs[0].axes == ()
    assert signature.batched  # a candidate, which the probe will turn down


def test_every_datatype_has_its_counterpart(tmp_path: Path) -> None:
    for name, datatype in [
        *(("bool", Datatype.BOOL), ("uint8", Datatype.UINT8), ("int8", Datatype.INT8), ("int16", Datatype.INT16)),
        *(("int32", Datatype.INT32), ("int64", Datatype.INT64), ("float16", Datatype.FP16)),
        *(("bfloat16", Datatype.BF16), ("float64", Datatype.FP64), ("uint16", Datatype.UINT16)),
    ]:
        example = torch.zeros(3, 2, dtype=getattr(torch, name))
        path = programs.apply(lambda x: x.clone(), tmp_path / f"{name}.pt2", example)
        assert described(path).signature.inputs[0].datatype is datatype


def test_what_is_no_tensor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"^output of 'm.pt2' 'output_1' is a SymInt, and only tensors can be served$"):
        described(programs.apply(lambda x: (x + 1, x.shape[0]), tmp_path / "m.pt2"))
    with pytest.raises(LoadError, match=r"'output' is of dtype torch.complex64, for which there is no datatype$"):
        described(programs.apply(lambda x: torch.complex(x, x), tmp_path / "m.pt2"))
    with pytest.raises(LoadError, match=r"^'m.pt2' returns nothing$"):
        described(programs.apply(lambda x: {"a": None}, tmp_path / "m.pt2"))


def test_two_outputs_of_one_name_are_refused(tmp_path: Path) -> None:
    def clash(x: Tensor) -> dict[str, Any]:
        return {"a": (x + 1, x + 2), "a_0": x + 3}

    with pytest.raises(LoadError, match=r"^'m.pt2' has two outputs named 'a_0'$"):
        described(programs.apply(clash, tmp_path / "m.pt2"))
