from __future__ import annotations

import click
import pytest

from jackfield import __version__
from jackfield.cli.registry import OWN
from tests.core.cli.conftest import Run
from tests.core.config import plugs


def test_help_lists_all_commands(jackfield: Run) -> None:
    result = jackfield("--help")
    assert result.exit_code == 0
    for name in (*OWN, "hello"):
        assert f"\n  {name} " in result.stdout
    assert "Say hello." in result.stdout


@pytest.mark.parametrize("name", OWN)
def test_each_command_has_help_with_examples(broken: Run, name: str) -> None:
    result = broken(name, "--help")
    assert result.exit_code == 0
    assert f"  jackfield {name}" in result.stdout.split("Usage:", 1)[1].split("\n", 1)[1]


def test_version(jackfield: Run) -> None:
    assert jackfield("--version").stdout == f"jackfield {__version__}\n"


def test_a_command_of_a_plugin(jackfield: Run) -> None:
    assert jackfield("hello").stdout == "hello from a plugin\n"


def test_an_unknown_command(jackfield: Run) -> None:
    result = jackfield("serv")
    assert result.exit_code == 2
    assert "there is no command 'serv'; did you mean 'serve'?" in result.stderr
    assert "see jackfield --help" in jackfield("xyzzy").stderr


def test_help_works_without_a_registry(broken: Run) -> None:
    result = broken("--help")
    assert result.exit_code == 0
    assert "serve" in result.stdout
    assert "Commands of plugins are not listed: plugin 'x' of distribution 'y'" in result.stdout


@pytest.mark.parametrize(
    "args", [("serve", "a.onnx"), ("check", "c.yaml"), ("plugins",), ("devices",), ("schema",), ("hello",)]
)
def test_everything_else_ends_with_one_sentence(broken: Run, args: tuple[str, ...]) -> None:
    result = broken(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == "jackfield: plugin 'x' of distribution 'y': import raised OSError: no message\n"


def test_a_plugin_cannot_take_the_place_of_a_command(jackfield: Run) -> None:
    registry = plugs.registry(jackfield_commands={"serve": click.Command("serve")})
    result = jackfield("plugins", registry=registry)
    assert result.exit_code == 2
    assert "brings the command 'serve', which is Jackfield's own" in result.stderr
