"""Plugins to start from: written for each socket, clean, and right at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from jackfield.cli.group import cli
from jackfield.cli.new_plugin import SOCKETS
from jackfield.plugins.manager import Manager
from jackfield.plugins.registry import Registry
from jackfield.plugins.sockets import SOCKETS as ALL
from tests.core.cli.conftest import Run
from tests.core.plugins.distributions import Site, build
from tests.core.source import ROOT, imports, public

NAMES = {socket: f"my-{socket}" for socket in SOCKETS} | {"batching": "b", "observer": "a-name-of-thirty-characters-ok"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A distribution for each socket."""
    folder = tmp_path_factory.mktemp("plugins")
    nothing = Registry(Manager(()))
    for socket, name in NAMES.items():
        done = CliRunner().invoke(cli, ["new-plugin", name, "--socket", socket, "--into", str(folder)], obj=nothing)
        assert done.exit_code == 0, done.output
    return {socket: folder / f"jackfield-{name}" for socket, name in NAMES.items()}


def _package(folder: Path) -> Path:
    return folder / folder.name.replace("-", "_")


def _passing(*arguments: str, cwd: Path, path: Iterator[Path] | None = None) -> str:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path or ()))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_one_for_each_socket_but_placements() -> None:
    assert {socket.name for socket in ALL} - SOCKETS.keys() == {"placement"}


def test_it_passes_its_own_tests_at_once(written: dict[str, Path]) -> None:
    assert " passed" in _passing(cwd=written["batching"])


def test_so_do_the_others(written: dict[str, Path]) -> None:
    folders = [folder for socket, folder in written.items() if socket != "batching"]
    tests = [str(folder / "tests") for folder in folders]
    common = ("--import-mode=importlib", "-W", "error", "--rootdir", str(written["batching"].parent))
    _passing(*common, *tests, cwd=written["batching"].parent, path=iter(folders))


@pytest.mark.skipif(shutil.which("ruff", path=str(Path(sys.executable).parent)) is None, reason="ruff is missing")
@pytest.mark.parametrize("arguments", [("check",), ("check", "--select", "E,F,W,I,B,UP,PT,RET"), ("format", "--check")])
def test_they_are_clean(written: dict[str, Path], arguments: tuple[str, ...]) -> None:
    command = [str(Path(sys.executable).with_name("ruff")), *arguments, "--no-cache", *map(str, written.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_they_import_public_names_only(written: dict[str, Path]) -> None:
    for folder in written.values():
        for path in (_package(folder) / "__init__.py", folder / "tests" / "test_plugin.py"):
            for one in imports(path.stem, path):
                if one.target.partition(".")[0] == "jackfield":
                    assert public(one), one


def test_they_are_found_when_they_are_installed(written: dict[str, Path], tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    for wheel in build(written.values(), tmp_path / "wheels").values():
        site.install(wheel)
    found = site.found({"JACKFIELD_PLUGINS": ",".join(NAMES.values())})
    assert sorted(found["entries"]) == sorted([socket, name, name, None] for socket, name in NAMES.items())


def test_the_project_says_what_it_is(written: dict[str, Path]) -> None:
    project = tomllib.loads((written["router"] / "pyproject.toml").read_text())["project"]
    assert project["name"] == "jackfield-my-router"
    assert project["entry-points"]["jackfield"] == {"my-router": "jackfield_my_router"}
    readme = (written["router"] / "README.md").read_text()
    assert "router: {policy: my-router}" in readme
    assert "$" not in readme


def test_it_says_what_it_wrote_and_what_to_do_next(jackfield: Run) -> None:
    done = jackfield("new-plugin", "jackfield-steady", "--socket", "batching")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "wrote jackfield-steady/pyproject.toml"
    assert done.stdout.splitlines()[-1] == "Next: cd jackfield-steady && pip install -e '.[test]' && pytest"
    assert Path("jackfield-steady/jackfield_steady/__init__.py").is_file()


def test_nothing_is_overwritten(jackfield: Run, tmp_path: Path) -> None:
    (tmp_path / "jackfield-steady").mkdir()
    done = jackfield("new-plugin", "steady", "--socket", "router")
    assert done.exit_code == 2
    assert "'jackfield-steady' exists already: choose another name" in done.stderr
    assert list((tmp_path / "jackfield-steady").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", "Steady", "my_policy", "a--b", "-a", "a-", "1st", "a.b", "a/b", "../a", "größe", "a b"]
)
def test_a_name_must_be_words(jackfield: Run, name: str, tmp_path: Path) -> None:
    done = jackfield("new-plugin", "--socket", "batching", "--", name)
    assert done.exit_code == 2
    assert "must be lower-case letters and digits, in words joined by '-'" in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_name_must_be_short_and_free(jackfield: Run, tmp_path: Path) -> None:
    long = jackfield("new-plugin", "x" * 31, "--socket", "batching")
    assert "has 31 characters, at most 30 fit" in long.stderr
    installed = Registry.installed()
    taken = jackfield("new-plugin", "dynamic", "--socket", "batching", registry=installed)
    assert "there is batching 'dynamic' already, of distribution 'jackfield'" in taken.stderr
    plugin = jackfield("new-plugin", "torch", "--socket", "router", registry=installed)
    assert "there is a plugin 'torch' already, of distribution 'jackfield'" in plugin.stderr
    assert (long.exit_code, taken.exit_code, plugin.exit_code) == (2, 2, 2)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_said(jackfield: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = jackfield("new-plugin", "steady", "--socket", "batching", "--into", "file/below")
    assert done.exit_code == 1
    assert "cannot write 'file/below/jackfield-steady/pyproject.toml': Not a directory" in done.stderr


def test_the_templates_are_in_the_wheel(tmp_path: Path) -> None:
    import zipfile

    (wheel,) = build([ROOT], tmp_path).values()
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for socket in SOCKETS:
        assert f"jackfield/cli/templates/{socket}/plugin.py.txt" in names
