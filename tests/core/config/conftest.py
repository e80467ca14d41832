"""What the tests of the configuration share: a registry, and writing and loading a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from jackfield.config import Config, load
from jackfield.errors import ConfigError
from jackfield.plugins.registry import Registry
from tests.core.config import plugs

Loader = Callable[..., Config]
Refusal = Callable[..., list[str]]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return plugs.registry()


@pytest.fixture
def from_yaml(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Loader:
    """Load the text as `c.yaml`, which is in the working directory, so that errors name it in short."""
    monkeypatch.chdir(tmp_path)

    def from_text(text: str, *overrides: str, env: dict[str, str] | None = None) -> Config:
        Path("c.yaml").write_text(dedent(text), encoding="utf-8")
        return load("c.yaml", registry, overrides, env or {})

    return from_text


@pytest.fixture
def refused(from_yaml: Loader) -> Refusal:
    """The lines of the ConfigError that the text gives."""

    def lines(text: str, *overrides: str, env: dict[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            from_yaml(text, *overrides, env=env)
        return str(caught.value).splitlines()

    return lines
