from __future__ import annotations

from jackfield_plugins.openai.toolcalls.whole import undecided


def test_when_it_is_too_early_to_tell() -> None:
    assert undecided("", "{")
    assert undecided(" \n", "{")
    assert undecided("<|pyt", "<|python_tag|>")
    assert undecided("{ ", "{")
    assert not undecided("Hello", "{")
    assert not undecided("{" + " " * 80, "{")
