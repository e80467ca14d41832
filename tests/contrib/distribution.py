"""A third party's distribution, as one would get it: through pip and its entry point."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.core.plugins.distributions import Site


def installed(distribution: Path, folder: Path) -> Site:
    """`folder`, which `distribution` is installed in, by pip, from its source tree."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--target", str(folder), str(distribution)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    return Site(folder)


def own_tests_pass(site: Site, distribution: Path) -> None:
    """The tests that `distribution` brings, with what is installed in `site`."""
    env = {**os.environ, "PYTHONPATH": str(site.folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(distribution)]
    done = subprocess.run(
        [*command, "-c", "pyproject.toml"],
        cwd=distribution,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
