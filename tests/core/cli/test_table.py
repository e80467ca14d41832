from __future__ import annotations

import sys

import pytest

from jackfield.cli.table import print_table


def test_plain_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("a", "long name"), [("x" * 300, ""), ("y", "z")])
    assert capsys.readouterr().out.splitlines() == ["a" + " " * 301 + "long name", "x" * 300, "y" + " " * 301 + "z"]


def test_folded_and_whole_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    print_table(("a", "b"), [("x" * 100, "[red]not markup[/red]")])
    text = capsys.readouterr().out
    assert text.count("x") == 100
    assert "[red]" in text
    assert max(map(len, text.splitlines())) > 0
