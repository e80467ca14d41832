"""The backend where there is no driver, and the command that builds ahead."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from jackfield import Device
from jackfield.cli.group import cli
from jackfield.cuda import cuda_devices, missing_driver
from jackfield.errors import LoadError
from jackfield_plugins.tensorrt import backend as tried
from jackfield_plugins.tensorrt.backend import UNTRIED, TensorRTBackend
from jackfield_plugins.tensorrt.options import TensorRTOptions
from tests.plugins.onnx import graphs
from tests.plugins.tensorrt.made import ignored, needs_module, onnx

without_driver = pytest.mark.skipif(missing_driver() is None, reason="there is a driver here")

CONFIG = """
models:
  m:
    source: m.onnx
    backend: {{name: tensorrt, cache: {cache}}}
    batching: {{max_batch_size: 4}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    graphs.save(graphs.mlp(), tmp_path / "m.onnx")
    path = tmp_path / "jackfield.yaml"
    path.write_text(CONFIG.format(cache=tmp_path / "plans"))
    return path


@without_driver
def test_without_a_driver_it_is_listed_with_the_reason() -> None:
    assert cuda_devices() == []
    assert TensorRTBackend.devices() == []
    reason = TensorRTBackend.unavailable()
    assert reason is not None
    assert reason.startswith(str(missing_driver()))
    assert UNTRIED in reason


@without_driver
@needs_module
def test_without_a_driver_asking_for_it_is_an_error(config: Path) -> None:
    result = CliRunner().invoke(cli, ["check", str(config)])
    assert result.exit_code == 2
    assert "backend 'tensorrt' of distribution 'jackfield' is not available here: there is no NVIDIA driver" in (
        result.output + result.stderr
    )


@without_driver
def test_without_a_driver_opening_is_an_error_and_no_crash(tmp_path: Path) -> None:
    artifact = onnx(tmp_path / "m.onnx", graphs.mlp())
    with pytest.raises(LoadError, match=r"cannot run '.*m\.onnx': there is no NVIDIA driver"):
        TensorRTBackend(TensorRTOptions()).open(artifact, Device("cuda:0", "cuda"))
    with pytest.raises(LoadError, match="sees no device 'cuda:0'"):
        TensorRTBackend(TensorRTOptions()).build(artifact, Device("cuda:0", "cuda"), ignored)


def test_without_a_module_it_says_what_brings_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tried, "installed", lambda: None)
    for reason in (TensorRTBackend.unavailable(), TensorRTBackend.unbuildable()):
        assert reason == (
            "neither tensorrt nor tensorrt_rtx is installed; the extras 'tensorrt' and 'tensorrt-rtx' bring one"
        )


def test_it_is_used_only_where_it_is_named() -> None:
    assert not TensorRTBackend.automatic


@needs_module
def test_plans_are_built_ahead(config: Path) -> None:
    first = CliRunner().invoke(cli, ["build", str(config)])
    assert first.exit_code == 0, first.output
    assert "m: plan " in first.output
    assert " is built, " in first.output
    again = CliRunner().invoke(cli, ["build", str(config)])
    assert " was there, " in again.output
    wrong = CliRunner().invoke(cli, ["build", str(config), "--set", "models.m.backend.precision=bf16"])
    assert wrong.exit_code == 1
    assert "m: precision 'bf16' is for the builder to choose" in wrong.stderr


@needs_module
def test_what_has_nothing_to_build_says_so(config: Path) -> None:
    result = CliRunner().invoke(cli, ["build", str(config), "--set", "models.m.backend=onnxruntime"])
    assert (result.exit_code, result.output) == (0, "m: nothing to build\n")
