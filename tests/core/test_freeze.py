"""The API that plugins are written against does not change by accident."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path

import jackfield.interfaces
from jackfield import hookspecs
from jackfield.plugins.sockets import SOCKETS
from tests.core.api import SNAPSHOT, api, hooks, members


def test_the_api_is_as_it_was_frozen() -> None:
    frozen, now = SNAPSHOT.read_text(), api()
    diff = "\n".join(difflib.unified_diff(frozen.splitlines(), now.splitlines(), "frozen", "now", lineterm="", n=2))
    assert now == frozen, f"the API has changed; if that is on purpose, see the top of tests/core/api.py:\n{diff}"


def test_every_socket_has_its_hook_and_every_hook_its_socket() -> None:
    assert {socket.hook for socket in SOCKETS} | {"jackfield_commands"} == set(hooks())


def test_every_hook_says_since_which_version_it_exists() -> None:
    tree = ast.parse(Path(hookspecs.__file__).read_text())
    documented = {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert documented.keys() == hooks().keys()
    assert [name for name, text in documented.items() if "Since " not in text] == []


def test_no_interface_has_more_than_five_methods() -> None:
    for cls in vars(jackfield.interfaces).values():
        if isinstance(cls, type):
            own = [
                name for name, member in vars(cls).items() if not name.startswith("_") and any(members(name, member))
            ]
            assert len(own) <= 5, f"{cls.__name__} has {own}"
