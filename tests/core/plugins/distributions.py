"""Small distributions that are really built and installed: what a third party could bring, and get wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PROBE = """
import json, sys
from jackfield.errors import PluginError
from jackfield.plugins.registry import Registry

try:
    registry = Registry.installed()
    for ask in sys.argv[1:]:
        registry.get(*ask.split(":"))
except PluginError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
print(json.dumps({
    "plugins": [[p.name, p.distribution, p.version, p.api] for p in registry.plugins],
    "entries": [[e.socket, e.name, e.plugin.name, e.unavailable] for e in registry],
    "commands": sorted(registry.commands),
}))
"""

_BUILD = """
import os, sys
from hatchling.build import build_wheel
for folder in sys.argv[2:]:
    os.chdir(folder)
    build_wheel(sys.argv[1])
"""

_PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "{version}"

[project.entry-points.jackfield]
{plugin} = "{module}"

[tool.hatch.build.targets.wheel]
only-include = ["{module}.py"]
"""


@dataclass(frozen=True)
class Distribution:
    """A distribution of one module with one plugin."""

    name: str
    plugin: str
    source: str
    version: str = "1.2.3"

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    def write(self, folder: Path) -> Path:
        """Lay its source tree out in `folder`."""
        root = folder / self.name
        root.mkdir()
        (root / f"{self.module}.py").write_text(self.source)
        (root / "pyproject.toml").write_text(
            _PYPROJECT.format(name=self.name, version=self.version, plugin=self.plugin, module=self.module)
        )
        return root


def policy(option: str, body: str = "", api: str = 'jackfield_api = "1.0"') -> str:
    """The source of a plugin that brings a batching policy named `option`, with `body` in its class."""
    return f"""
from jackfield import BatchingPolicy, Wait, hookimpl

{api}


class Policy(BatchingPolicy):
    def plan(self, waiting, running, capacity, now):
        return list(waiting) or Wait(rows=7)
{body}

@hookimpl
def jackfield_batching_policies():
    return {{"{option}": Policy}}
"""


def build(roots: Iterable[Path], folder: Path) -> dict[str, Path]:
    """The wheels of source trees by their distribution's name. One process builds them all, which is what makes a
    suite of real distributions affordable."""
    subprocess.run([sys.executable, "-c", _BUILD, str(folder), *map(str, roots)], check=True, capture_output=True)
    return {wheel.name.split("-")[0].replace("_", "-"): wheel for wheel in folder.glob("*.whl")}


@dataclass(frozen=True)
class Site:
    """A folder that distributions are installed in, ahead of everything that the interpreter has."""

    folder: Path

    def install(self, wheel: Path) -> None:
        """What an installer does with a wheel of pure Python."""
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.folder)

    def run(self, *arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the interpreter with this folder on its path."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("JACKFIELD_")}
        env |= {"PYTHONPATH": str(self.folder)} | dict(environ or {})
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60
        )

    def found(self, environ: Mapping[str, str]) -> dict[str, list[list[str]]]:
        """What the registry holds in a fresh interpreter."""
        done = self.run("-c", PROBE, environ=environ)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        found: dict[str, list[list[str]]] = json.loads(done.stdout)
        return found

    def refused(self, environ: Mapping[str, str], *asks: str) -> str:
        """The one sentence that the command line stops with; or, if the start goes well, the first of `asks`
        (socket:name) that cannot be had."""
        listed = self.run("-m", "jackfield", "plugins", environ=environ)
        if not asks:
            return _sentence(listed).removeprefix("jackfield: ")
        assert listed.returncode == 0, listed.stderr
        return _sentence(self.run("-c", PROBE, *asks, environ=environ))


def _sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
    sentence, *rest = done.stderr.splitlines()
    assert rest == [], done.stderr
    return sentence
