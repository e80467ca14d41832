from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from jackfield.errors import Overloaded
from jackfield_plugins.openai import threads
from jackfield_plugins.openai.threads import TextThreads
from tests.core.lifecycle.fakes import in_loop, until
from tests.plugins.generation.text.gated import gated
from tests.plugins.openai.calling import served

CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}]}
PROMPT: dict[str, Any] = {"prompt": "Hello"}


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


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", {**CHAT, "stream": True}),
        ("/v1/completions", PROMPT),
        ("/v1/completions", {**PROMPT, "stream": True}),
        ("/tokenize", CHAT),
        ("/tokenize", PROMPT),
    ],
)
@in_loop
async def test_others_are_answered_while_a_prompt_is_tokenized(path: str, body: dict[str, Any]) -> None:
    async with served() as caller:
        with pytest.MonkeyPatch.context() as patch, gated(patch) as gate:
            asked = asyncio.ensure_future(caller.ask("POST", path, {"model": "m", **body}))
            await until(lambda: gate.callers)
            listed = await caller.ask("GET", "/v1/models")
            completed = await caller.ask("POST", "/v1/completions", {"model": "m", "prompt": [5, 6], "max_tokens": 2})
            assert (listed.status, completed.status) == (200, 200)
            assert not asked.done()
            gate.opened.set()
            assert (await asked).status == 200
    assert threading.get_ident() not in gate.callers
