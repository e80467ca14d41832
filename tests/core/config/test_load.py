from __future__ import annotations

from pathlib import Path

import pytest

from jackfield.config import Config, ModelConfig, load
from jackfield.errors import ConfigError
from jackfield.plugins.registry import Registry
from tests.core.config import plugs
from tests.core.config.conftest import Loader

FULL = """
    server: {host: 0.0.0.0, port: 0, limits: {max_headers: 10}}
    models:
      minilm:
        source: ./minilm.onnx
        version: 2
        loader: onnx
        backend: {name: fake, threads: 2}
        batching: {policy: dynamic, max_batch_size: 16, max_delay_ms: 3}
        scheduler: {policy: priority, levels: 5, max_queue: 8}
        batch_axis: {ids: 0, table: null}
        warm_up: {rows: [1, 4], inputs: {ids: {shape: [128], fill: 1}, table: {file: table.npy}}}
        labels: {out: labels.txt, other: [a, b]}
      plain: {source: pkg.module:Model, batching: none, step_timeout_s: null, overlap: false, batch_axis: false}
    endpoints: {open-inference: {path: /v3}}
    observers: {}
    log: {format: json, level: debug}
"""


def test_everything_has_its_place(from_yaml: Loader, tmp_path: Path) -> None:
    config = from_yaml(FULL)
    assert type(config) is Config
    assert (config.server.host, config.server.port, config.server.limits.max_headers) == ("0.0.0.0", 0, 10)
    model = config.models["minilm"]
    assert type(model) is ModelConfig
    assert model.source == str(tmp_path / "minilm.onnx")
    assert model.version == "2"
    assert model.loader is not None
    assert model.loader.name == "onnx"
    assert model.backend is not None
    assert model.backend.options == plugs.FakeBackendOptions(threads=2)
    assert model.batching.options == plugs.DynamicOptions(max_batch_size=16, max_delay_ms=3)
    assert (model.scheduler.name, model.scheduler.options) == ("priority", plugs.PriorityOptions(levels=5))
    assert (model.queue.max_queue, model.queue.max_queue_bytes) == (8, 256 * 2**20)
    assert model.batch_axis == {"ids": 0, "table": None}
    assert not isinstance(model.warm_up, str)
    assert model.warm_up.rows == (1, 4)
    assert model.warm_up.inputs["ids"].fill == 1
    assert model.warm_up.inputs["table"].file == str(tmp_path / "table.npy")
    assert model.labels == {"out": str(tmp_path / "labels.txt"), "other": ("a", "b")}
    other = config.models["plain"]
    assert (other.source, other.batching.name, other.step_timeout_s) == ("pkg.module:Model", "none", None)
    assert other.overlap is False
    assert other.batch_axis is False
    assert config.endpoints == {"open-inference": plugs.EndpointOptions(path="/v3")}
    assert config.observers == {}
    assert config.log.format == "json"


def test_defaults(registry: Registry) -> None:
    model = load(["a.onnx"], registry).models["a"]
    assert (model.loader, model.backend) == (None, None)
    assert [s.name for s in (model.batching, model.scheduler, model.router, model.placement)] == [
        "dynamic",
        "fifo",
        "least-loaded",
        "thread",
    ]
    assert (model.version, model.device, model.replicas, model.batch_axis, model.warm_up) == (
        "1",
        "auto",
        1,
        "auto",
        "auto",
    )
    assert (model.timeout_s, model.max_timeout_s, model.step_timeout_s, model.load_timeout_s) == (None, 3600, 300, 600)
    assert (model.queue.max_queue, model.overlap, model.labels) == (1024, "auto", {})


def test_default_endpoints_and_observers_are_those_that_are_there(registry: Registry) -> None:
    config = load({}, registry)
    assert set(config.endpoints) == {"open-inference", "metrics"}
    assert set(config.observers) == {"access-log"}
    bare = plugs.registry(jackfield_endpoints={"metrics": plugs.AbsentEndpoint}, jackfield_observers={})
    assert load({}, bare).endpoints == {}
    assert load({}, bare).observers == {}


def test_a_named_endpoint_replaces_the_defaults(registry: Registry) -> None:
    assert set(load({"endpoints": {"metrics": None}}, registry).endpoints) == {"metrics"}


def test_zero_and_false_are_different_axes(registry: Registry) -> None:
    assert load({"models": {"m": {"source": "a", "batch_axis": 0}}}, registry).models["m"].batch_axis == 0
    axis = load({"models": {"m": {"source": "a", "batch_axis": 0}}}, registry).models["m"].batch_axis
    assert axis is not False


@pytest.mark.parametrize("text", ["", "# only a comment\n", "{}"])
def test_an_empty_file_is_an_empty_configuration(from_yaml: Loader, text: str) -> None:
    assert from_yaml(text).models == {}


def test_sources_without_a_configuration_are_named(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(["a.onnx", Path("b/a.onnx"), "m.py:Foo"], registry)
    assert {name: model.source for name, model in config.models.items()} == {
        "a": str(tmp_path / "a.onnx"),
        "a-2": str(tmp_path / "b/a.onnx"),
        "foo": str(tmp_path / "m.py:Foo"),
    }


def test_python_objects(registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    first = load({"models": {"m": {"source": Path("a.onnx"), "timeout_s": 3, "labels": {"o": ("a", "b")}}}}, registry)
    assert first.models["m"].source == str(tmp_path / "a.onnx")
    mixed = load({"models": {"copy": first.models["m"]}, "server": first.server}, registry)
    assert mixed.models["copy"] == first.models["m"]


def test_a_dollar_sign_in_python_objects_is_only_that(registry: Registry) -> None:
    assert load({"server": {"name": "${NOT_A_VARIABLE}"}}, registry).server.name == "${NOT_A_VARIABLE}"


def test_a_configuration_can_be_loaded_again_with_overrides(registry: Registry) -> None:
    first = load(["a.onnx"], registry)
    assert load(first, registry) == first
    assert load(first, registry, ["models.a.batching.max_batch_size=4"]).models["a"].batching.options == (
        plugs.DynamicOptions(max_batch_size=4)
    )


def test_paths_among_options_are_relative_to_the_file(from_yaml: Loader, tmp_path: Path) -> None:
    backend = from_yaml("models: {m: {source: a, backend: {name: fake, cache: engines}}}").models["m"].backend
    assert backend is not None
    assert isinstance(backend.options, plugs.FakeBackendOptions)
    assert backend.options.cache == tmp_path / "engines"


def test_a_file_in_another_folder_is_the_base_of_its_paths(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "c.yaml").write_text("models: {m: {source: ../models/a.onnx}}")
    assert load(tmp_path / "etc" / "c.yaml", registry).models["m"].source == str(tmp_path / "models/a.onnx")


def test_a_missing_file_is_named(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"configuration file '.*none\.yaml' does not exist"):
        load(tmp_path / "none.yaml", registry)
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        load(tmp_path, registry)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"cannot be read: it is not UTF-8 text"):
        load(str(tmp_path / "binary.yaml"), registry)
