"""Routes, methods, statuses, and what becomes of a request whose model fails."""

from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest

from tests.core.lifecycle.fakes import in_loop, until
from tests.plugins.openai.calling import served

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "ignore_eos": True}


@in_loop
async def test_methods() -> None:
    async with served() as caller:
        wrong = await caller.ask("GET", "/v1/chat/completions")
        assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
        assert wrong.json["error"]["code"] == "method_not_allowed"
        assert (await caller.ask("DELETE", "/v1/models/m")).headers["allow"] == "GET, HEAD"
        head = await caller.ask("HEAD", "/v1/models")
        got = await caller.ask("GET", "/v1/models")
        assert (head.status, head.parts) == (200, [])
        assert head.headers["content-length"] == str(len(got.parts[0]))
        assert (await caller.ask("GET", "/v1/other")).status == 404


@in_loop
async def test_a_server_that_is_not_ready() -> None:
    async with served(wait=False) as caller:
        answer = await caller.ask("POST", "/v1/chat/completions", CHAT)
        assert (answer.status, answer.json["error"]["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "1"
        listed = await caller.ask("GET", "/v1/models")
        assert [row["id"] for row in listed.json["data"]] == ["m"]
        await caller.app.server.loaded()
        assert (await caller.ask("POST", "/v1/chat/completions", CHAT)).status == 200


@in_loop
async def test_ids_and_traces_are_told_again() -> None:
    trace = f"00-{'1' * 32}-{'2' * 16}-01"
    headers = {"X-Request-Id": "mine", "traceparent": trace}
    async with served() as caller:
        for body in (CHAT, {**CHAT, "stream": True, "max_tokens": 2}, {**CHAT, "n": 0}):
            answer = await caller.ask("POST", "/v1/chat/completions", body, headers)
            assert (answer.headers["x-request-id"], answer.headers["traceparent"]) == ("mine", trace)


@in_loop
async def test_bodies_may_be_compressed_and_are_bounded() -> None:
    async with served(max_body_bytes=2000) as caller:
        body = gzip.compress(orjson.dumps({**CHAT, "max_tokens": 2}))
        assert (await caller.ask("POST", "/v1/chat/completions", body, {"Content-Encoding": "gzip"})).status == 200
        bomb = gzip.compress(b" " * 1_000_000)
        answer = await caller.ask("POST", "/v1/chat/completions", bomb, {"Content-Encoding": "gzip"})
        assert (answer.status, answer.json["error"]["code"]) == (413, "too_large")
        assert (await caller.ask("POST", "/v1/chat/completions", b"{}", {"Content-Encoding": "br"})).status == 415
        assert (await caller.ask("POST", "/v1/chat/completions", b" " * 2001)).status == 413


@in_loop
async def test_a_model_that_fails_before_anything_is_told() -> None:
    async with served() as caller:
        caller.decoder.broken.update(range(500))
        for body in (CHAT, {**CHAT, "stream": True}):
            answer = await caller.ask("POST", "/v1/chat/completions", body)
            assert (answer.status, answer.json["error"]["code"]) == (500, "execution_failed")
            assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/completions", {"model": "m", "prompt": "Hello", "ignore_eos": True}),
        ("/v1/completions", {"model": "m", "prompt": ["Hello", "world"], "ignore_eos": True, "n": 2}),
    ],
)
@in_loop
async def test_a_model_that_fails_in_the_middle_of_a_stream(path: str, body: dict[str, Any]) -> None:
    async with served() as caller:
        more = {"stream": True, "max_tokens": 400}
        answer = await caller.ask("POST", path, {**body, **more}, breaks=500)
        assert answer.status == 200
        last = orjson.loads(answer.events[-1])
        assert last["error"]["code"] == "execution_failed"
        assert "[DONE]" not in answer.events
        assert len(answer.events) > 1
        await until(lambda: caller.executor.pool.free == caller.executor.pool.count)


@in_loop
async def test_a_fault_of_ours_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("secret /srv/path")

    async with served() as caller:
        monkeypatch.setattr("jackfield_plugins.openai.chat.conversation", fails)
        answer = await caller.ask("POST", "/v1/chat/completions", CHAT)
        assert answer.status == 500
        assert "secret" not in str(answer.json)
        assert len(answer.headers["x-request-id"]) == 32


@in_loop
async def test_a_stream_and_a_whole_answer_say_the_same() -> None:
    async with served() as caller:
        for path, body in (
            ("/v1/chat/completions", {**CHAT, "n": 3, "seed": 1, "max_tokens": 40, "logprobs": True}),
            (
                "/v1/completions",
                {"model": "m", "prompt": ["He", "wor"], "n": 2, "seed": 1, "echo": True, "logprobs": 2},
            ),
        ):
            whole = (await caller.ask("POST", path, body)).json
            stream = await caller.ask("POST", path, {**body, "stream": True, "stream_options": {"include_usage": True}})
            assert stream.events[-1] == "[DONE]"
            chunks = [orjson.loads(one) for one in stream.events[:-1]]
            texts: dict[int, str] = {}
            tokens: dict[int, list[Any]] = {}
            for chunk in chunks:
                for choice in chunk["choices"]:
                    index, told = choice["index"], choice.get("logprobs") or {}
                    text = choice.get("text") or choice.get("delta", {}).get("content") or ""
                    texts[index] = texts.get(index, "") + text
                    tokens[index] = tokens.get(index, []) + (told.get("content") or told.get("tokens") or [])
            for choice in whole["choices"]:
                told = choice["logprobs"]
                assert texts[choice["index"]] == choice.get("text", choice.get("message", {}).get("content"))
                wanted = told.get("content") or told["tokens"]
                assert len(tokens[choice["index"]]) == len(wanted)
            assert chunks[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]
            assert {chunk["id"] for chunk in chunks} == {chunks[0]["id"]}
