"""The table of threats names each of them, and tests that exist."""

from __future__ import annotations

import ast
import re

from tests.core.source import ROOT

PAGE = ROOT / "docs" / "security.md"
THREATS = 24


def test_every_threat_has_a_row_with_tests_that_there_are() -> None:
    rows = [line.strip("|").split("|") for line in PAGE.read_text().splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row[0]) for row in rows] == list(range(1, THREATS + 1))
    for number, _, tests, _ in rows:
        named = re.findall(r"`([\w/.]+)::(\w+)`", tests)
        assert named, f"threat {number} has no test"
        assert len(named) == tests.count("`") // 2, f"threat {number} names something else"
        for path, name in named:
            assert name in functions(path), f"threat {number}: there is no {name} in tests/{path}"


def functions(path: str) -> set[str]:
    """The tests of a file."""
    tree = ast.parse((ROOT / "tests" / path).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_")}
