"""What can be changed while it runs, and how two configurations differ."""

from __future__ import annotations

from typing import Any

import pytest

from jackfield.config import Config, load
from jackfield.config.changes import changed, difference
from jackfield.errors import ConfigError
from jackfield.plugins.registry import Registry
from tests.core.config import plugs

MODEL: dict[str, Any] = {
    "source": "a.onnx",
    "batching": {"policy": "dynamic", "max_batch_size": 16, "max_delay_ms": 3},
    "scheduler": {"policy": "priority", "levels": 5, "max_queue": 8},
    "timeout_s": 2,
}


def _config(registry: Registry, **more: Any) -> Config:
    return load({"models": {"m": {**MODEL, **more}, "other": {"source": "b.onnx"}}}, registry)


def test_options_that_are_not_named_stay(registry: Registry) -> None:
    old = _config(registry).models["m"]
    new = changed("m", old, {"batching": {"max_batch_size": 4}, "scheduler": {"max_queue": 9}}, registry)
    assert new.batching.options == plugs.DynamicOptions(max_batch_size=4, max_delay_ms=3)
    assert (new.scheduler, new.queue.max_queue, new.timeout_s) == (old.scheduler, 9, 2)
    assert changed("m", old, {}, registry) == old


def test_another_plugin_begins_with_its_defaults_and_the_limits_of_the_queue_stay(registry: Registry) -> None:
    old = _config(registry).models["m"]
    new = changed("m", old, {"batching": "none", "scheduler": {"policy": "fifo"}, "timeout_s": None}, registry)
    assert (new.batching.name, new.scheduler.name, new.queue.max_queue, new.timeout_s) == ("none", "fifo", 8, None)
    again = changed("m", new, {"scheduler": {"policy": "priority"}}, registry)
    assert again.scheduler.options == plugs.PriorityOptions()


def test_all_that_is_wrong_is_said_at_once(registry: Registry) -> None:
    old = _config(registry).models["m"]
    changes = {"batching": {"max_batch_size": 0}, "scheduler": {"policy": "priorty"}, "timeout": 3}
    with pytest.raises(ConfigError) as wrong:
        changed("m", old, changes, registry)
    lines = str(wrong.value).splitlines()
    assert len(lines) == 3
    for start in ("batching.max_batch_size: got 0", "scheduler.policy: ", "timeout: unknown"):
        assert any(line.startswith(f"models.m.{start}") for line in lines), lines


def test_what_cannot_be_changed_is_named(registry: Registry) -> None:
    old = _config(registry).models["m"]
    with pytest.raises(ConfigError) as wrong:
        changed("m", old, {"replicas": 2, "device": "cuda:0", "timeout_s": 1}, registry)
    assert str(wrong.value).splitlines() == [
        "models.m.device: cannot be changed while the model runs",
        "models.m.replicas: cannot be changed while the model runs",
    ]


@pytest.mark.parametrize("value", [7, ["fifo"], {"policy": 3}])
def test_a_section_of_the_wrong_kind_is_an_error(registry: Registry, value: Any) -> None:
    with pytest.raises(ConfigError, match=r"models\.m\.scheduler"):
        changed("m", _config(registry).models["m"], {"scheduler": value}, registry)


def test_the_same_differs_in_nothing(registry: Registry) -> None:
    found = difference(_config(registry), _config(registry))
    assert (dict(found.live), found.restart) == ({}, ())


def test_models_that_differ_in_what_can_be_changed_are_live(registry: Registry) -> None:
    new = _config(registry, batching="none", timeout_s=3, scheduler={"policy": "priority", "max_queue": 3})
    found = difference(_config(registry), new)
    assert (dict(found.live), found.restart) == ({"m": new.models["m"]}, ())


def test_models_that_come_go_or_differ_in_more_are_told_apart_and_the_rest_is_named(
    registry: Registry,
) -> None:
    new = load(
        {
            "server": {"port": 9, "limits": {"max_headers": 3}},
            "models": {
                "m": {**MODEL, "replicas": 2, "scheduler": {"policy": "priority", "levels": 5, "max_queue": 9}},
                "new": {"source": "c.onnx"},
            },
            "log": {"level": "debug"},
        },
        registry,
    )
    found = difference(_config(registry), new)
    assert (dict(found.live), dict(found.rolled)) == ({}, {"m": new.models["m"]})
    assert (dict(found.added), found.removed) == ({"new": new.models["new"]}, ("other",))
    assert set(found.restart) == {"server.port", "server.limits.max_headers", "log.level"}


def test_endpoints_and_options_that_come_or_go_are_named(registry: Registry) -> None:
    old = load({"models": {"m": MODEL}, "endpoints": {"open-inference": {}}}, registry)
    new = load({"models": {"m": MODEL}, "endpoints": {"open-inference": {"path": "/v9"}}}, registry)
    none = load({"models": {"m": MODEL}, "endpoints": {}}, registry)
    assert difference(old, new).restart == ("endpoints.open-inference.path",)
    assert difference(new, none).restart == ("endpoints.open-inference",)
