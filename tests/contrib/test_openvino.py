"""The distribution that adds a backend, as one would get it: through pip and its entry point."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.core.plugins.distributions import Site
from tests.core.source import ROOT

pytest.importorskip("openvino")

DISTRIBUTION = ROOT / "contrib" / "jackfield-openvino"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A folder that it is installed in, by pip, from its source tree."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--target", str(folder), str(DISTRIBUTION)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return Site(folder)


def test_it_is_found_through_its_entry_point(site: Site) -> None:
    found = site.found({})
    assert ["openvino", "jackfield-openvino", "1.0", "1.0"] in found["plugins"]
    assert ["backend", "openvino", "openvino", None] in found["entries"]


def test_its_devices_are_listed(site: Site) -> None:
    done = site.run("-m", "jackfield", "devices")
    assert done.returncode == 0, done.stderr
    assert any(line.split()[:2] == ["openvino", "cpu"] for line in done.stdout.splitlines()), done.stdout


def test_its_own_tests_pass(site: Site) -> None:
    env = {**os.environ, "PYTHONPATH": str(site.folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(DISTRIBUTION)]
    done = subprocess.run(
        [*command, "-c", "pyproject.toml"],
        cwd=DISTRIBUTION,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
