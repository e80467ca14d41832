"""The backend `onnxruntime`: what it makes sessions from, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from pydantic import ValidationError

from jackfield import Device
from jackfield.cuda import CudaDevice
from jackfield.errors import LoadError
from jackfield_plugins.onnx import devices as probing
from jackfield_plugins.onnx.backend import OnnxRuntimeBackend, OnnxRuntimeOptions
from jackfield_plugins.onnx.executor import OnnxExecutor
from jackfield_plugins.onnx.loader import OnnxLoader, OnnxLoaderOptions
from tests.plugins.onnx import graphs
from tests.plugins.stepping import alone

CPU, GPU = Device("cpu", "cpu"), Device("cuda:1", "cuda")


def opened(path: Path, device: Device = CPU, **options: object) -> OnnxExecutor:
    artifact = OnnxLoader(OnnxLoaderOptions()).load(str(path))
    executor = OnnxRuntimeBackend(OnnxRuntimeOptions.model_validate(options)).open(artifact, device)
    assert isinstance(executor, OnnxExecutor)
    return executor


@pytest.fixture
def mlp(tmp_path: Path) -> Path:
    return graphs.save(graphs.mlp(), tmp_path / "model.onnx")


class Sessions:
    """Stands in for InferenceSession: keeps what it was asked for, and comes up with other providers."""

    def __init__(self, got: list[str]) -> None:
        self.got = got
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.options: Any = None

    def __call__(self, path: Path, options: Any, providers: list[Any], enable_fallback: bool) -> Sessions:
        assert not enable_fallback
        self.asked, self.options = providers, options
        return self

    def get_providers(self) -> list[str]:
        return self.got


def test_the_processor_is_always_there_and_named() -> None:
    (cpu,) = [device for device in OnnxRuntimeBackend.devices() if device.name == "cpu"]
    assert cpu.kind == "cpu"
    assert cpu.description
    assert cpu.memory_total is None or cpu.memory_total > 0


def test_a_provider_without_a_driver_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [probing.CUDA, "CPUExecutionProvider"])
    monkeypatch.setattr(probing, "cuda_devices", list)
    assert [device.kind for device in probing.devices()] == ["cpu"]


def test_a_driver_without_a_working_provider_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [probing.CUDA, "CPUExecutionProvider"])
    monkeypatch.setattr(probing, "cuda_devices", lambda: [CudaDevice(Device("cuda:0", "cuda"), (9, 0))])
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *a, **k: Sessions(["CPUExecutionProvider"]))
    assert [device.kind for device in probing.devices()] == ["cpu"]
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *a, **k: Sessions([probing.CUDA]))
    assert [device.name for device in probing.devices()] == ["cuda:0", "cpu"]


def test_the_probe_is_a_model_that_runs() -> None:
    session = onnxruntime.InferenceSession(probing._IDENTITY, providers=["CPUExecutionProvider"])
    assert [node.name for node in session.get_inputs()] == ["x"]


def test_options_reach_the_session(mlp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions(["OtherProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", sessions)
    with pytest.raises(LoadError):
        opened(
            mlp,
            threads=3,
            inter_op_threads=2,
            graph_optimization="disabled",
            spinning="never",
            session_config={"session.set_denormal_as_zero": "1"},
            provider_options={"CPUExecutionProvider": {"use_arena": "0"}},
        )
    options = sessions.options
    assert sessions.asked == [("CPUExecutionProvider", {"use_arena": "0"})]
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 2)
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_PARALLEL
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert options.get_session_config_entry("session.force_spinning_stop") == "0"
    assert options.get_session_config_entry("session.set_denormal_as_zero") == "1"


@pytest.mark.parametrize("level", ["disabled", "basic", "extended", "all"])
def test_every_level_of_optimization_runs(mlp: Path, level: str) -> None:
    x = graphs.numpy_helper.to_array(graphs.weights("x", 2, 16))
    assert alone(opened(mlp, graph_optimization=level), {"x": x})["y"].shape == (2, 4)


def test_a_wrong_option_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ValidationError, match=r"'disabled', 'basic', 'extended' or 'all'"):
        OnnxRuntimeOptions.model_validate({"graph_optimization": "most"})
    with pytest.raises(ValidationError, match=r"greater than or equal to 1"):
        OnnxRuntimeOptions.model_validate({"threads": 0})


def test_a_silent_fallback_is_an_error(mlp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions(["CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [probing.CUDA, "CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", sessions)
    with pytest.raises(
        LoadError,
        match=r"was to run on 'cuda:1' with CUDAExecutionProvider, and onnxruntime fell back to CPUExecutionProvider:",
    ):
        opened(mlp, GPU)
    assert sessions.asked == [("CUDAExecutionProvider", {"device_id": "1"})]


def test_providers_that_cannot_be_had_are_named(mlp: Path) -> None:
    with pytest.raises(LoadError, match=r"has no provider 'NoProvider' here; it has .*CPUExecutionProvider"):
        opened(mlp, providers=["NoProvider"])
    with pytest.raises(LoadError, match=r"has no provider 'CUDAExecutionProvider' here"):
        opened(mlp, GPU)
    with pytest.raises(LoadError, match=r"'providers' is empty: name at least one of"):
        opened(mlp, providers=[])
    with pytest.raises(LoadError, match=r"no default provider for device 'npu:0': set 'providers'"):
        opened(mlp, Device("npu:0", "npu"))


def test_options_of_a_provider_that_is_not_used_are_an_error(mlp: Path) -> None:
    with pytest.raises(LoadError, match=r"'provider_options' names 'Other', which is not in 'providers' \(CPUExec"):
        opened(mlp, provider_options={"Other": {}})


def test_device_and_providers_must_agree(mlp: Path) -> None:
    with pytest.raises(LoadError, match=r"device 'cuda:1' does not go with the providers CPUExecutionProvider"):
        opened(mlp, GPU, providers=["CPUExecutionProvider"])


def test_a_graph_that_is_wrong_is_one_sentence_without_paths(tmp_path: Path) -> None:
    node = graphs.helper.make_node("NoSuchOperator", ["x"], ["y"])
    proto = graphs.model([node], [graphs.value("x", ["N"])], [graphs.value("y", ["N"])])
    graphs.save(proto, tmp_path / "m.onnx")
    with pytest.raises(LoadError, match=r"^onnxruntime cannot open '.*m\.onnx' on 'cpu': .*NoSuchOperator") as caught:
        opened(tmp_path / "m.onnx")
    text = str(caught.value)
    assert text.count(str(tmp_path)) == 1  # as the configuration gave it
    assert "\n" not in text
    assert "ONNXRuntimeError" not in text


def test_a_damaged_weight_is_a_load_error(tmp_path: Path) -> None:
    proto = graphs.mlp()
    proto.graph.initializer[0].raw_data = b"\0" * 8
    graphs.save(proto, tmp_path / "m.onnx")
    with pytest.raises(LoadError, match=r"onnxruntime cannot open"):
        opened(tmp_path / "m.onnx")
