"""The configuration in examples/, and none at all: the real client finds the model at /v1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest
import yaml

from tests.e2e.launch import launched
from tests.plugins.generation import smollm2
from tests.plugins.openai.test_client import PARIS, QUESTION

EXAMPLE = Path(__file__).parents[3] / "examples" / "openai.yaml"


def example() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    model = config["models"]["smollm2"]
    assert model["source"] == smollm2.NAME
    return {**config, "models": {"smollm2": {**model, "source": str(smollm2.path())}}}


@pytest.mark.parametrize("configured", [True, False], ids=["example", "nothing but a source"])
def test_a_client_finds_the_model(tmp_path: Path, configured: bool) -> None:
    config = example() if configured else {"models": {"smollm2": {"source": str(smollm2.path())}}}
    if configured:
        config["endpoints"]["open-inference"] = {}  # by which the test sees that it is ready
    with (
        launched(config, tmp_path) as live,
        openai.OpenAI(base_url=f"http://{live.url}/v1", api_key="none", max_retries=0) as client,
    ):
        (model,) = client.models.list()
        answer = client.chat.completions.create(model=model.id, messages=QUESTION, temperature=0)
        assert answer.choices[0].message.content == PARIS
