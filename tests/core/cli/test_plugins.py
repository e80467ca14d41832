from __future__ import annotations

import json

from jackfield.plugins.manager import Manager
from jackfield.plugins.registry import Registry
from tests.core.cli.conftest import Run
from tests.core.config import plugs


def test_the_table_is_whole(jackfield: Run) -> None:
    lines = jackfield("plugins").stdout.splitlines()
    assert lines[0].split() == ["plugin", "distribution", "version", "API", "fills", "available"]
    assert "test    jackfield-test  1.2.3    1.0  batching: dynamic          yes" in lines
    (absent,) = (line for line in lines if "backend: absent" in line)
    assert absent.endswith("a_module_that_is_not_there is not installed; install it with the extra 'absent'")
    assert lines[-1] == "commands of plugins: hello"


def test_a_plugin_that_fills_nothing_is_listed(jackfield: Run) -> None:
    registry = Registry(Manager([plugs.plugin({}, "idle")]))
    assert jackfield("plugins", registry=registry).stdout.splitlines()[1].split()[:6] == [
        "idle", "jackfield-test", "1.2.3", "1.0", "no", "socket",
    ]  # fmt: skip


def test_json(jackfield: Run) -> None:
    data = json.loads(jackfield("plugins", "--json").stdout)
    (plugin,) = data["plugins"]
    assert (plugin["name"], plugin["distribution"], plugin["version"], plugin["api"]) == (
        "test", "jackfield-test", "1.2.3", "1.0",
    )  # fmt: skip
    assert {"socket": "scheduler", "name": "fifo", "available": True, "reason": None} in plugin["fills"]
    assert data["commands"] == ["hello"]
