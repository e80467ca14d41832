"""Running PyTorch models, in company and alone; and the backend that opens them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from jackfield import Array, Artifact, Device, Expected
from jackfield.errors import ExecutionFailed, InvalidRequest, LoadError
from jackfield_plugins.torch.backend import TorchBackend, TorchOptions
from jackfield_plugins.torch.executor import TorchExecutor
from jackfield_plugins.torch.loader import TorchLoader, TorchLoaderOptions
from tests.plugins.stepping import Arrays, alone, assert_batching_changes_nothing, together
from tests.plugins.torch import programs

RANDOM = np.random.default_rng(1)
CPU = Device("cpu", "cpu")


def executor_of(path: Path, device: Device = CPU, options: TorchOptions | None = None, **loading: Any) -> TorchExecutor:
    artifact = TorchLoader(TorchLoaderOptions(**loading)).load(str(path))
    executor = TorchBackend(options or TorchOptions()).open(artifact, device)
    assert isinstance(executor, TorchExecutor)
    return executor


def floats(*shape: int) -> Array:
    array = RANDOM.normal(size=shape).astype(np.float32)
    array.flags.writeable = False  # as what an endpoint decodes in place
    return array


def test_the_processor_is_always_there_and_named() -> None:
    (cpu,) = [device for device in TorchBackend.devices() if device.name == "cpu"]
    assert cpu.kind == "cpu"
    assert cpu.description


def test_batching_changes_nothing(tmp_path: Path) -> None:
    executor = executor_of(programs.mlp(tmp_path / "m.pt2", max=64))
    assert executor.capabilities.max_rows == 64
    assert_batching_changes_nothing(executor, {"x": floats(1, 16)}, {"x": floats(5, 16)}, {"x": floats(2, 16)})
    with torch.inference_mode():
        x = floats(3, 16)
        expected = programs.Mlp()(torch.from_numpy(x.copy())).numpy()
    np.testing.assert_allclose(alone(executor, {"x": x})["output"], expected, rtol=1e-5, atol=1e-6)


def test_outputs_of_a_dict_are_returned_by_name(tmp_path: Path) -> None:
    executor = executor_of(programs.tokens(tmp_path / "m.pt2"))
    requests: list[Arrays] = [
        {"ids": RANDOM.integers(0, 100, (n, 7)), "mask": np.ones((n, 7), np.float32)} for n in (1, 3)
    ]
    assert_batching_changes_nothing(executor, *requests)
    assert alone(executor, requests[0], ["pooled"]).keys() == {"pooled"}


def test_arguments_of_every_structure_are_put_together(tmp_path: Path) -> None:
    executor = executor_of(programs.nested(tmp_path / "m.pt2"))
    given: Arrays = {"d_u": floats(2, 4), "pair_0": floats(2, 4), "pair_1": floats(2, 4), "mask": floats(2, 4)}
    got = alone(executor, given)
    np.testing.assert_allclose(got["a"], given["d_u"] * 3, rtol=1e-6)
    np.testing.assert_allclose(got["pair_0"], given["pair_0"] + given["pair_1"], rtol=1e-6)
    np.testing.assert_allclose(got["pair_1"], (given["pair_0"] * given["mask"]).sum(1), rtol=1e-5)
    assert alone(executor, given, ["pair_1"]).keys() == {"pair_1"}


def test_a_length_that_it_was_not_exported_for_is_refused(tmp_path: Path) -> None:
    executor = executor_of(programs.tokens(tmp_path / "m.pt2"))
    long: Arrays = {"ids": np.ones((1, 65), np.int64), "mask": np.ones((1, 65), np.float32)}
    with pytest.raises(InvalidRequest, match=r"^axis 1 of input 'ids' has length 65, and .* for lengths of 0 to 64$"):
        alone(executor, long)


def test_lengths_that_depend_on_each_other_are_checked_by_the_program(tmp_path: Path) -> None:
    rows = programs.dim("rows")

    class Halves(torch.nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x + y.reshape(2, -1).sum(0)

    path = programs.export(
        Halves(), tmp_path / "m.pt2", torch.zeros(3), torch.zeros(6), dynamic={"x": {0: rows}, "y": {0: 2 * rows}}
    )
    executor = executor_of(path)
    assert executor.run({"x": floats(2), "y": floats(4)}, ["output"])["output"].shape == (2,)
    with pytest.raises(Exception, match=r"to be equal to 4, but got 6"):
        executor.run({"x": floats(2), "y": floats(6)}, ["output"])


@pytest.mark.parametrize("name", ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float64", "uint16"])
def test_every_datatype_passes_unchanged(tmp_path: Path, name: str) -> None:
    example = torch.zeros(3, 2, dtype=getattr(torch, name))
    executor = executor_of(programs.apply(lambda x: x.clone(), tmp_path / "m.pt2", example))
    given = np.array([[0, 1], [1, 0]]).astype(name)
    got = alone(executor, {"x": given})["output"]
    np.testing.assert_array_equal(got, given)
    assert got.dtype == given.dtype


def test_bfloat16_travels_as_its_bits(tmp_path: Path) -> None:
    path = programs.apply(lambda x: x * 2, tmp_path / "m.pt2", torch.zeros(3, 2, dtype=torch.bfloat16))
    one, two = together(
        executor_of(path), {"x": np.array([[0x3F80, 0]], np.uint16)}, {"x": np.array([[0x4000, 0x3F80]], np.uint16)}
    )
    assert one["output"].tolist() == [[0x4000, 0]]
    assert two["output"].tolist() == [[0x4080, 0x4000]]


def test_strides_do_not_matter(tmp_path: Path) -> None:
    executor = executor_of(programs.apply(lambda x: x + 1, tmp_path / "m.pt2"))
    given = floats(2, 6).T[::-2]
    np.testing.assert_array_equal(alone(executor, {"x": given})["output"], given + 1)


def test_arrays_are_not_copied_on_the_way_in(tmp_path: Path) -> None:
    executor = executor_of(programs.apply(lambda x: x.view(-1, 2), tmp_path / "m.pt2"))
    given = floats(3, 2)
    assert np.shares_memory(executor.run({"x": given}, ["output"])["output"], given)


def test_what_the_model_raises_passes_and_leaves_the_executor_usable(tmp_path: Path) -> None:
    executor = executor_of(programs.tokens(tmp_path / "m.pt2"))
    ids: Array = np.ones((1, 3), np.int64)
    mask: Array = np.ones((1, 3), np.float32)
    with pytest.raises(IndexError):
        alone(executor, {"ids": ids + 999, "mask": mask})
    assert alone(executor, {"ids": ids, "mask": mask})["pooled"].shape == (1, 8)


def test_two_replicas_share_nothing_that_changes(tmp_path: Path) -> None:
    artifact = TorchLoader(TorchLoaderOptions()).load(str(programs.mlp(tmp_path / "m.pt2")))
    first, second = (TorchBackend(TorchOptions()).open(artifact, CPU) for _ in range(2))
    assert isinstance(first, TorchExecutor)
    assert isinstance(second, TorchExecutor)
    first.close()
    assert alone(second, {"x": floats(1, 16)})["output"].shape == (1, 4)


def test_threads_are_the_process_own(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        executor_of(programs.mlp(tmp_path / "m.pt2"), options=TorchOptions(threads=1))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_compiling_is_asked_of_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[bool, str]] = []
    seen: list[int] = []

    def compiled(model: Any, dynamic: bool, mode: str) -> Any:
        asked.append((dynamic, mode))

        def called(x: Tensor) -> Any:
            seen.append(len(x))
            return model(x)

        return called

    monkeypatch.setattr(torch, "compile", compiled)
    path = programs.mlp(tmp_path / "m.pt2", max=64)
    executor = executor_of(path, options=TorchOptions(compile=True))
    assert asked == [(True, "default")]
    assert alone(executor, {"x": floats(3, 16)})["output"].shape == (3, 4)
    assert seen == [3]
    options = TorchOptions(compile=True, buckets=True, compile_mode="reduce-overhead")
    backend = TorchBackend(options)
    backend.expected = Expected((1, 4, 8), 8)
    filled = backend.open(TorchLoader(TorchLoaderOptions()).load(str(path)), CPU)
    assert asked[1:] == [(False, "reduce-overhead")]
    assert isinstance(filled, TorchExecutor)
    x = floats(3, 16)
    np.testing.assert_allclose(
        alone(filled, {"x": x})["output"], alone(executor, {"x": x})["output"], rtol=1e-5, atol=1e-6
    )
    assert seen[1:] == [4, 3]


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_another_device_gets_a_copy_of_the_program(tmp_path: Path) -> None:
    path = programs.apply(lambda x: x + torch.zeros(2), tmp_path / "m.pt2")
    artifact = TorchLoader(TorchLoaderOptions()).load(str(path))
    before = copy.deepcopy(artifact.content.graph_module.code)
    executor = TorchBackend(TorchOptions()).open(artifact, Device("meta", "meta"))
    assert isinstance(executor, TorchExecutor)
    assert "meta" in executor._model.code
    assert artifact.content.graph_module.code == before


def test_a_device_that_is_not_there_is_a_load_error(tmp_path: Path) -> None:
    path = programs.mlp(tmp_path / "m.pt2")
    with pytest.raises(LoadError, match=r"^PyTorch cannot open '.*m\.pt2' on 'cuda:99': \w+: ") as caught:
        executor_of(path, Device("cuda:99", "cuda"))
    assert "\n" not in str(caught.value)


def test_an_artifact_without_a_signature_is_refused() -> None:
    with pytest.raises(LoadError, match=r"^'m' comes without a signature"):
        TorchBackend(TorchOptions()).open(Artifact("torch-export", "m", None, None), CPU)


def scripted(module: torch.nn.Module, folder: Path, *outputs: str) -> TorchExecutor:
    path = folder / "m.pt"
    torch.jit.save(torch.jit.script(module), str(path))
    tensor = {"datatype": "FP32", "shape": [-1, 16]}
    declared = [{"name": name, "datatype": "FP32", "shape": [-1, 4]} for name in outputs]
    return executor_of(path, allow_torchscript=True, inputs=[{"name": "x", **tensor}], outputs=declared)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript_runs_where_it_is_allowed(tmp_path: Path) -> None:
    executor = scripted(programs.Mlp(), tmp_path, "y")
    assert_batching_changes_nothing(executor, {"x": floats(1, 16)}, {"x": floats(2, 16)})


class Pair(torch.nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, :4], x[:, 4:8] + 1


class Keyed(torch.nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"b": x[:, 4:8], "a": x[:, :4]}


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_results_of_torchscript_are_taken_by_key_or_in_order(tmp_path: Path) -> None:
    x = floats(2, 16)
    np.testing.assert_array_equal(alone(scripted(Pair(), tmp_path, "one", "two"), {"x": x})["two"], x[:, 4:8] + 1)
    np.testing.assert_array_equal(alone(scripted(Keyed(), tmp_path, "a", "b"), {"x": x})["a"], x[:, :4])


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_results_that_were_not_declared_fail_the_step(tmp_path: Path) -> None:
    with pytest.raises(ExecutionFailed, match=r"^the model returned 2 tensors, its signature has 1$"):
        alone(scripted(Pair(), tmp_path, "one"), {"x": floats(1, 16)})

    class Number(torch.nn.Module):
        def forward(self, x: Tensor) -> int:
            return x.shape[0]

    with pytest.raises(ExecutionFailed, match=r"^output 'one' is a int, and must be a tensor$"):
        alone(scripted(Number(), tmp_path, "one"), {"x": floats(1, 16)})
