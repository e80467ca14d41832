from __future__ import annotations

import json
from pathlib import Path

from jackfield.config import load, load_model, plain
from jackfield.plugins.registry import Registry
from tests.core.config import plugs
from tests.core.config.conftest import Loader
from tests.core.config.test_load import FULL


def test_a_model_is_the_same_in_another_process(from_yaml: Loader, registry: Registry) -> None:
    model = from_yaml(FULL).models["minilm"]
    assert load_model(json.loads(json.dumps(plain(model))), registry) == model


def test_a_whole_configuration(from_yaml: Loader, registry: Registry) -> None:
    config = from_yaml(FULL)
    assert load(json.loads(json.dumps(plain(config))), registry) == config


def test_secrets_paths_and_dollar_signs_survive(registry: Registry) -> None:
    backend = {"name": "fake", "token": "a$${b}", "cache": "/tmp/engines"}
    model = load({"models": {"m": {"source": "a", "backend": backend}}}, registry).models["m"]
    again = load_model(json.loads(json.dumps(plain(model))), registry)
    assert again == model
    assert again.backend is not None
    assert isinstance(again.backend.options, plugs.FakeBackendOptions)
    assert again.backend.options.token.get_secret_value() == "a$${b}"
    assert again.backend.options.cache == Path("/tmp/engines")


def test_what_people_see_hides_secrets(registry: Registry) -> None:
    config = load({"models": {"m": {"source": "a", "backend": {"name": "fake", "token": "hidden"}}}}, registry)
    assert "hidden" not in repr(config)
    assert "hidden" not in config.model_dump_json()
