from __future__ import annotations

from jackfield_plugins.openai.toolcalls.parser import first_json, overlap


def test_the_first_value() -> None:
    assert first_json(' {"a": 1} x') == ({"a": 1}, 9)
    assert first_json("[1]", 3) is None
    assert first_json("{") is None
    assert first_json("[" * 100_000) is None


def test_overlap() -> None:
    assert overlap("abc<to", "<tool>") == 3
    assert overlap("abc<tool>", "<tool>") == 0
    assert overlap("abc", "<tool>") == 0
