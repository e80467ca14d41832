"""The placement for Ray clusters, as one would get it: through pip and its entry point."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contrib.distribution import installed
from tests.core.plugins.distributions import Site
from tests.core.source import ROOT, imports, modules, public

DISTRIBUTION = ROOT / "contrib" / "jackfield-ray"
PATIENCE = 270.0  # seconds for its own tests: a cluster is started for them


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A folder that the distribution is installed in."""
    return installed(DISTRIBUTION, tmp_path_factory.mktemp("site"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """For temporary files, with a short name, since those of Ray's sockets begin with it. Whatever was started with it
    as its `TMPDIR` and still runs is ended."""
    made = Path(tempfile.mkdtemp(prefix="jfr", dir="/tmp"))
    yield made
    for pid in _started(made):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(made, ignore_errors=True)


def _started(folder: Path) -> list[int]:
    """Processes with `folder` as their `TMPDIR`."""
    mark = f"TMPDIR={folder}\0".encode()
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and mark in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:  # it has just ended, or is another user's
            continue
    return found


def test_it_is_found_through_its_entry_point(site: Site) -> None:
    found = site.found({})
    assert ["ray", "jackfield-ray", "1.0", "1.0"] in found["plugins"]
    assert ["placement", "ray", "ray", None] in found["entries"]


@pytest.mark.parametrize(("address", "status"), [("auto", 0), ("10.0.0.1:6379", 0), ("ray://head:10001", 2)])
def test_a_configuration_is_checked_without_a_cluster(site: Site, address: str, status: int, tmp_path: Path) -> None:
    config = tmp_path / "ray.yaml"
    text = (ROOT / "examples" / "ray.yaml").read_text()
    config.write_text(text.replace("address: auto", f"address: '{address}'").replace("models.py:", f"{tmp_path}/m.py:"))
    (tmp_path / "m.py").write_text("")
    done = site.run("-X", "importtime", "-m", "jackfield", "check", str(config))
    assert done.returncode == status, done.stderr
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "jackfield_ray.placement" in loaded
    assert "ray" not in loaded


def test_it_imports_public_names_only() -> None:
    found = [one for name, path in modules(DISTRIBUTION / "jackfield_ray").items() for one in imports(name, path)]
    ours = [one for one in found if one.target.partition(".")[0] in ("jackfield", "jackfield_plugins")]
    assert ours
    assert [str(one) for one in ours if not public(one) and str(one).rpartition(" ")[2] != "jackfield"] == []


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(PATIENCE + 30)
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed; `make test` installs it")
def test_its_own_tests_pass(site: Site, folder: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(site.folder), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(DISTRIBUTION)]
    output = folder / "output.txt"
    with output.open("w") as file:  # no pipe, which a process that is left behind would keep open
        done = subprocess.run(
            [*command, "-c", "pyproject.toml"],
            cwd=DISTRIBUTION,
            env=env,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=PATIENCE,
        )
    text = output.read_text()
    assert done.returncode == 0, text
    assert " passed" in text
    assert "skipped" not in text
    assert _started(folder) == []
