from __future__ import annotations

from pathlib import Path

import pytest

from jackfield.config import reference as module
from jackfield.config.reference import reference
from jackfield.plugins.registry import Registry

COMMITTED = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_every_key_is_there(registry: Registry) -> None:
    text = reference(registry)
    assert "| `port` | integer, 0 to 65535 | `8000` | Port to listen on; 0 lets the system choose one. |" in text
    assert "### `models.NAME.batching`: `dynamic`" in text
    assert "| `max_batch_size` | integer ≥ 1 | `32` | Most rows of a step. |" in text
    assert "#### `models.NAME.warm_up.inputs.NAME`" in text
    assert "#### `models.NAME.backend.tuning`" in text
    assert "| `precision` | `fp32`, `fp16` | `fp32` |" in text
    assert "| `source` | text | *required* |" in text


def test_it_is_the_same_on_every_machine(registry: Registry) -> None:
    text = reference(registry)
    assert "Not available" not in text
    assert "Needs `a_module_that_is_not_there`; the extra `absent` brings it." in text


def test_the_committed_one_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    module.main()
    assert capsys.readouterr().out == COMMITTED.read_text(encoding="utf-8"), (
        "run: python -m jackfield.config.reference > docs/configuration.md"
    )
