"""Running commands, with a registry made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jackfield.cli.group import cli
from jackfield.plugins.registry import Registry
from tests.core.config import plugs

Run = Callable[..., Result]


@pytest.fixture
def jackfield(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder; `registry` is what is installed."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str, registry: Registry | None = None) -> Result:
        return CliRunner().invoke(cli, args, obj=registry or plugs.registry(), prog_name="jackfield")

    return run


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Run a command where no registry can be made."""
    from jackfield.errors import PluginError

    def fail() -> Registry:
        raise PluginError("plugin 'x' of distribution 'y': import raised OSError: no message")

    monkeypatch.setattr(Registry, "installed", fail)
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(cli, args, prog_name="jackfield")
