from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from jackfield.config import Config
from jackfield.errors import LoadError
from jackfield.plugins.registry import Registry
from tests.core.cli.conftest import Run


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """What would have been served."""
    configurations: list[Config] = []
    monkeypatch.setattr("jackfield.cli.run.run", lambda config, registry, took, read: configurations.append(config))
    return configurations


def test_a_configuration_with_options(jackfield: Run, served: list[Config], tmp_path: Path) -> None:
    Path("c.YML").write_text("server: {port: 1}\nmodels: {m: {source: a.onnx}}\n")
    result = jackfield(
        "serve", "c.YML", "--host", "$::1", "--port", "0", "--log-format", "json", "--log-level", "debug",
        "--set", "models.m.replicas=2", "--set", "server.port=3",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (config,) = served
    assert (config.server.host, config.server.port) == ("$::1", 0)
    assert (config.log.format, config.log.level) == ("json", "debug")
    assert config.models["m"].replicas == 2


def test_models(jackfield: Run, served: list[Config], tmp_path: Path) -> None:
    assert jackfield("serve", "x/a.onnx", "m.py:Net", "--set", "models.net.batching=none").exit_code == 0
    (config,) = served
    assert {name: model.source for name, model in config.models.items()} == {
        "a": str(tmp_path / "x/a.onnx"),
        "net": str(tmp_path / "m.py:Net"),
    }
    assert config.models["net"].batching.name == "none"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("c.yaml", "a.onnx"), "give one configuration or any models, not 'c.yaml' together with 'a.onnx'"),
        (("a.onnx", "c.yaml"), "give one configuration or any models, not 'c.yaml' together with 'a.onnx'"),
        (("c.yaml", "d.yml"), "give one configuration or any models, not 'c.yaml' together with 'd.yml'"),
        (("c.yaml", "c.yaml"), "give one configuration or any models, not 'c.yaml' together with 'c.yaml'"),
        ((), "Missing argument"),
        (("a.onnx", "--port", "70000"), "70000 is not in the range"),
        (("a.onnx", "--set", "models.a.replicas=0"), "jackfield: --set: models.a.replicas: got 0, expected at least 1"),
    ],
)
def test_what_is_wrong(jackfield: Run, served: list[Config], args: tuple[str, ...], message: str) -> None:
    result = jackfield("serve", *args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not served


def test_a_model_that_cannot_be_loaded(jackfield: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(config: Config, registry: Registry, took: Mapping[str, float], read: object) -> None:
        raise LoadError("model 'a' could not be loaded: source '/a.onnx' does not exist")

    monkeypatch.setattr("jackfield.cli.run.run", fail)
    result = jackfield("serve", "a.onnx")
    assert result.exit_code == 2
    assert result.stderr == "jackfield: model 'a' could not be loaded: source '/a.onnx' does not exist\n"


def test_a_file_can_be_read_again_and_models_cannot(
    jackfield: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    readers: list[Callable[[], Config] | None] = []
    monkeypatch.setattr("jackfield.cli.run.run", lambda config, registry, took, read: readers.append(read))
    Path("c.yaml").write_text("models: {m: {source: a.onnx}}\n")
    assert jackfield("serve", "c.yaml", "--set", "models.m.replicas=2").exit_code == 0
    assert jackfield("serve", "a.onnx").exit_code == 0
    again, never = readers
    assert again is not None
    assert never is None
    Path("c.yaml").write_text("models: {m: {source: a.onnx, timeout_s: 3}}\n")
    model = again().models["m"]
    assert (model.timeout_s, model.replicas) == (3, 2)
