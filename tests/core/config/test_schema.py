from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import Field

from jackfield.config import load, schema
from jackfield.config.full import full_model
from jackfield.config.schema import keys_at
from jackfield.errors import PluginError
from jackfield.options import Options
from jackfield.plugins.registry import Registry
from tests.core.config import plugs


class Opaque:
    """Nothing that JSON knows."""


class OpaqueOptions(Options):
    model_config = {"arbitrary_types_allowed": True}

    thing: Opaque = Field(default_factory=Opaque)


class OpaquePolicy(plugs.Dynamic):
    options = OpaqueOptions


class ClashingOptions(Options):
    max_queue: int = 1


class ClashingScheduler(plugs.Fifo):
    options = ClashingOptions


def test_the_model_is_built_once_for_a_registry(registry: Registry) -> None:
    assert full_model(registry) is full_model(registry)
    assert full_model(registry.judged("backend", lambda cls: "not here")) is not full_model(registry)


def test_every_reference_resolves(registry: Registry) -> None:
    whole = schema(registry)

    def refs(node: Any) -> list[str]:
        if isinstance(node, dict):
            found = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return found + [ref for value in node.values() for ref in refs(value)]
        return [ref for item in node for ref in refs(item)] if isinstance(node, list) else []

    assert refs(whole)
    assert all(ref.removeprefix("#/$defs/") in whole["$defs"] for ref in refs(whole))
    assert "x-jackfield" not in json.dumps(whole)


def test_a_section_is_chosen_by_its_selector(registry: Registry) -> None:
    definitions = schema(registry)["$defs"]
    assert definitions["batching"]["anyOf"] == [
        {"enum": ["dynamic", "none"]},
        {"$ref": "#/$defs/batching.dynamic"},
        {"$ref": "#/$defs/batching.none"},
    ]
    assert definitions["batching.dynamic"]["properties"]["policy"]["const"] == "dynamic"
    assert "policy" not in definitions["batching.dynamic"].get("required", [])
    assert definitions["batching.none"]["required"] == ["policy"]
    assert definitions["backend.fake"]["properties"]["tuning"]["$ref"] == "#/$defs/backend.fake.Tuning"
    assert {"policy", "max_queue", "levels"} <= definitions["scheduler.priority"]["properties"].keys()


def test_descriptions(registry: Registry) -> None:
    whole = schema(registry)
    assert whole["$defs"]["ServerConfig"]["properties"]["port"]["description"].startswith("Port to listen on")
    assert whole["$defs"]["batching.dynamic"]["properties"]["max_batch_size"]["description"] == "Most rows of a step."
    assert whole["$defs"]["batching.none"]["description"] == "One request a step."
    absent = whole["$defs"]["backend.absent"]["description"]
    assert "Not available here: a_module_that_is_not_there is not installed" in absent
    assert "Not available" not in json.dumps(schema(registry, availability=False))


def test_keys(registry: Registry) -> None:
    whole = schema(registry)
    data = {"models": {"m": {"scheduler": {"policy": "priority"}, "backend": {"name": "fake"}, "batching": {}}}}
    assert keys_at(whole, data, ()) == ["server", "models", "endpoints", "observers", "log"]
    assert keys_at(whole, data, ("models", "m", "scheduler")) == [
        "policy",
        "max_queue",
        "max_queue_rows",
        "max_queue_bytes",
        "max_wait_s",
        "levels",
    ]
    assert keys_at(whole, data, ("models", "m", "batching")) == ["policy", "max_batch_size", "max_delay_ms"]
    assert keys_at(whole, data, ("models", "m", "backend", "tuning")) == ["level"]
    assert keys_at(whole, data, ("nothing", "here")) == []


def test_options_without_a_schema_are_blamed_on_their_plugin() -> None:
    registry = plugs.registry(jackfield_batching_policies={"dynamic": OpaquePolicy})
    with pytest.raises(
        PluginError, match=r"plugin 'test' of distribution 'jackfield-test': the options of batching 'dy"
    ):
        schema(registry)
    # They can be used all the same, also in an error.
    assert load(["a.onnx"], registry).models["a"].batching.name == "dynamic"
    with pytest.raises(Exception, match=r"^models\.a\.sauce: unknown key$"):
        load({"models": {"a": {"source": "a", "sauce": "b"}}}, registry)


def test_options_that_clash_with_the_section_are_refused() -> None:
    with pytest.raises(PluginError, match=r"the options of scheduler 'fifo' have a key 'max_queue'"):
        load({}, plugs.registry(jackfield_schedulers={"fifo": ClashingScheduler}))


def test_a_section_says_which_plugin_it_is_by_default(registry: Registry) -> None:
    properties = schema(registry)["$defs"]["ModelConfig"]["properties"]
    assert properties["batching"]["default"] == "dynamic"
    assert properties["backend"]["default"] is None
