from __future__ import annotations

import asyncio
import threading

import pytest

from jackfield.errors import Overloaded
from jackfield_plugins.openai import threads
from jackfield_plugins.openai.threads import TextThreads
from tests.core.lifecycle.fakes import in_loop


@in_loop
async def test_one_model_does_not_wait_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_MOST_WAITING", 3)
    texts, gate = TextThreads(1), threading.Event()
    try:
        slow = [asyncio.ensure_future(texts.run("slow", gate.wait, 30)) for _ in range(3)]
        await asyncio.sleep(0)
        assert await texts.run("other", threading.get_ident) != threading.get_ident()
        with pytest.raises(Overloaded, match="3 requests for model 'slow' wait"):
            await texts.run("slow", gate.wait, 30)
    finally:
        gate.set()
    assert await asyncio.gather(*slow) == [True, True, True]
    assert await texts.run("slow", gate.wait, 30)


@in_loop
async def test_errors_come_back() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await TextThreads(1).run("m", int, "x")
