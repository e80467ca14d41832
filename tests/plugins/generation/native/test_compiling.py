"""Building: the wheel has the library, and goes without it where there is no compiler."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jackfield_plugins.generation.native import compiling

ROOT = Path(__file__).parents[4]


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The reason is a sentence."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CXX", "none-such")
    with pytest.raises(compiling.CannotCompile, match=r"there was no C\+\+ compiler"):
        compiling.compiler()


def test_another_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried."""
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(compiling.CannotCompile, match="written for x86-64, and this is aarch64"):
        compiling.compiler()


def test_what_the_compiler_says_is_passed_on(tmp_path: Path) -> None:
    """Its name, and the end of its output."""
    with pytest.raises(compiling.CannotCompile, match=r"failed when the package was built: .*--none-such"):
        compiling.compile_step(tmp_path / "step.so", tmp_path / "objects", ["--none-such"])
    assert not (tmp_path / "step.so").exists()


@pytest.mark.slow
@pytest.mark.parametrize("compiler", [True, False], ids=["compiler", "none"])
def test_wheel(tmp_path: Path, compiler: bool) -> None:
    """With a compiler a wheel for this platform and any Python; without, one for any platform, with the reason."""
    copy = tmp_path / "project"
    left_out = shutil.ignore_patterns(".git", ".venv*", ".cache", "*.so", "__pycache__", "tests", "docs")
    shutil.copytree(ROOT, copy, ignore=left_out)
    (tmp_path / "bin").mkdir()
    environment = os.environ | ({} if compiler else {"PATH": str(tmp_path / "bin"), "CXX": ""})
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=copy, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = {Path(name).name for name in zipfile.ZipFile(wheel).namelist()}
    assert ("_step.so" in names) == compiler
    assert ("_step.txt" in names) != compiler
    assert wheel.name.endswith("-py3-none-linux_x86_64.whl" if compiler else "-py3-none-any.whl")
