"""The command line as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def jackfield(*args: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    # Without plugins: these tests are about the command line alone.
    environ = {**os.environ, "JACKFIELD_PLUGINS": "", **env}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "jackfield", *args],
        cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_help(tmp_path: Path) -> None:
    result = jackfield("--help", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: jackfield ")


def test_help_of_a_command_imports_no_plugin_and_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom jackfield.cli import main\nsys.argv = ['jackfield', 'serve', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('numpy', 'pydantic', 'rich', 'uvicorn', 'jackfield_plugins') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_an_error_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("models: {m: {source: a, router: x}}")
    result = jackfield("check", "c.yaml", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("jackfield: c.yaml:1: models.m.")
    assert "\nc.yaml:1: models.m.router: 'x' is not a router; known: none\n" in result.stderr


def test_no_plugin_by_that_name(tmp_path: Path) -> None:
    result = jackfield("plugins", cwd=tmp_path, JACKFIELD_PLUGINS="nobody")
    assert result.returncode == 2
    assert result.stderr == (
        "jackfield: JACKFIELD_PLUGINS names plugin 'nobody', which no installed distribution has\n"
    )


def test_output_into_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    command = f"{sys.executable} -m jackfield schema | head -c 1"
    environ = {**os.environ, "JACKFIELD_PLUGINS": ""}
    result = subprocess.run(command, shell=True, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert (result.stdout, result.stderr) == ("{", "")
