"""A tokenizer that waits at a gate, so that a test can see what goes on meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from tests.core.lifecycle.fakes import PATIENCE


@dataclass(slots=True)
class Gate:
    """`callers`: the threads that texts were tokenized on. `opened`: when they go on."""

    callers: list[int] = field(default_factory=list)
    opened: threading.Event = field(default_factory=threading.Event)


@contextmanager
def gated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Every tokenizer waits until the gate is open, which it is at the end; but not on the thread that made it, whose
    event loop could not open it."""
    gate, own, encode = Gate(), threading.get_ident(), TextTokenizer.encode

    def waiting(tokenizer: TextTokenizer, text: str, special: bool = True) -> list[int]:
        gate.callers.append(threading.get_ident())
        if gate.callers[-1] != own:
            assert gate.opened.wait(PATIENCE)
        return encode(tokenizer, text, special)

    monkeypatch.setattr(TextTokenizer, "encode", waiting)
    try:
        yield gate
    finally:
        gate.opened.set()
