from __future__ import annotations

from pathlib import Path

import pytest

from jackfield.config import load
from jackfield.plugins.registry import Registry
from tests.core.config import plugs
from tests.core.config.conftest import Loader, Refusal

MODEL = "models:\n  v1.5: {source: a, batching: dynamic}\n"


def test_values_are_yaml_and_sections_are_made(from_yaml: Loader) -> None:
    config = from_yaml(
        MODEL,
        "server.limits.max_headers=7",
        "models.v1.5.warm_up={rows: [1, 2]}",
        "models.v1.5.step_timeout_s=null",
        "models.v1.5.labels.out=[a, b]",
        "server.name=a=b",
    )
    model = config.models["v1.5"]
    assert config.server.limits.max_headers == 7
    assert not isinstance(model.warm_up, str)
    assert (model.warm_up.rows, model.step_timeout_s, model.labels) == ((1, 2), None, {"out": ("a", "b")})
    assert config.server.name == "a=b"


def test_the_last_one_counts(from_yaml: Loader) -> None:
    assert from_yaml("server: {port: 1}", "server.port=2", "server.port=3").server.port == 3


def test_an_option_of_a_plugin_that_was_named_in_short(from_yaml: Loader) -> None:
    config = from_yaml(MODEL, "models.v1.5.batching.max_batch_size=16")
    assert config.models["v1.5"].batching.options == plugs.DynamicOptions(max_batch_size=16)


def test_a_whole_section(from_yaml: Loader) -> None:
    config = from_yaml("server: {limits: {max_headers: 0}}", "server.limits={max_headers: 3}")
    assert config.server.limits.max_headers == 3


def test_a_new_model_is_relative_to_the_working_directory(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "c.yaml").write_text("models: {a: {source: a.onnx}}")
    monkeypatch.chdir(tmp_path)
    models = load("etc/c.yaml", registry, ["models.b.source=b.onnx"]).models
    assert models["a"].source == str(tmp_path / "etc" / "a.onnx")
    assert models["b"].source == str(tmp_path / "b.onnx")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("server.prot=1", "--set: server.prot: unknown key; did you mean 'port'?"),
        ("models.v2.replicas=2", "--set: models.v2.source: is missing"),
        ("server.port=abc", "--set: server.port: got 'abc', expected an integer"),
        ("server.port=[", "--set: server.port: this is not YAML: expected the node content, but found '<stream end>'"),
        ("server", "--set: got 'server', expected path=value, such as server.port=9000"),
        ("server..port=3", "--set: got 'server..port=3', expected path=value, such as server.port=9000"),
        ("=3", "--set: got '=3', expected path=value, such as server.port=9000"),
        (
            "models.v1.5.source.x=3",
            "c.yaml:2: models.v1.5.source: --set models.v1.5.source.x: 'models.v1.5.source' is 'a', not a section",
        ),
        ("server={a: 1, a: 2}", "--set: server.a: given twice, first on line 1"),
    ],
)
def test_a_wrong_one(refused: Refusal, override: str, expected: str) -> None:
    assert refused(MODEL, override)[-1] == expected


def test_wrong_ones_come_together(refused: Refusal) -> None:
    assert len(refused(MODEL, "server.port=a", "x", "log.level=b")) == 3


def test_the_line_of_the_file_is_gone_with_its_value(refused: Refusal) -> None:
    assert refused("server: {limits: {max_headers: 1}}", "server.limits={max_headers: 0}") == [
        "--set: server.limits.max_headers: got 0, expected at least 1"
    ]
