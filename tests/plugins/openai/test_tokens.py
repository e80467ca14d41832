from __future__ import annotations

from typing import Any

import pytest

from tests.core.lifecycle.fakes import in_loop
from tests.plugins.openai.calling import served
from tests.plugins.openai.made import tokenizer

TEXT = tokenizer()


@in_loop
async def test_there_and_back() -> None:
    async with served() as caller:
        body = {"model": "m", "prompt": "Größe </s>", "return_token_strs": True}
        found = (await caller.ask("POST", "/tokenize", body)).json
        assert found["tokens"] == TEXT.encode("Größe </s>")
        assert found["token_strs"] == [TEXT.spelling(token) for token in found["tokens"]]
        assert (found["count"], found["max_model_len"]) == (len(found["tokens"]), 1000)
        back = (await caller.ask("POST", "/detokenize", {"model": "m", "tokens": found["tokens"]})).json
        assert back == {"prompt": "Größe </s>"}
        assert (await caller.ask("POST", "/detokenize", {"model": "m", "tokens": []})).json == {"prompt": ""}


@in_loop
async def test_messages_become_the_prompt_that_chat_makes_of_them() -> None:
    async with served() as caller:
        body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
        found = (await caller.ask("POST", "/tokenize", body)).json
        assert TEXT.decode(found["tokens"], special=True) == "<s>user: Hello</s><s>"
        chat = (await caller.ask("POST", "/v1/chat/completions", {**body, "max_tokens": 1})).json
        assert chat["usage"]["prompt_tokens"] == found["count"]


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/tokenize", {}, "prompt"),
        ("/tokenize", {"prompt": 3}, "prompt"),
        ("/tokenize", {"prompt": "x" * 100_000}, "prompt"),
        ("/tokenize", {"prompt": "\ud800"}, None),
        ("/tokenize", {"messages": []}, "messages"),
        ("/detokenize", {"tokens": [1000]}, "tokens"),
        ("/detokenize", {"tokens": [-1]}, "tokens"),
        ("/detokenize", {"tokens": [1] * 1001}, "tokens"),
        ("/detokenize", {"tokens": "x"}, "tokens"),
        ("/detokenize", {}, "tokens"),
    ],
)
@in_loop
async def test_what_is_refused(path: str, body: dict[str, Any], param: str | None) -> None:
    import json

    async with served() as caller:
        answer = await caller.ask("POST", path, json.dumps({"model": "m", **body}).encode())
        assert (answer.status, answer.json["error"]["param"]) == (400, param), answer.json
