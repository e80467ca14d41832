from __future__ import annotations

from typing import Any

import pytest

from tests.core.lifecycle.fakes import in_loop
from tests.plugins.openai.calling import served

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "ignore_eos": True}


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"max_completion_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 2000}, "messages"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"logprobs": 3}, "logprobs"),
    ],
)
@in_loop
async def test_what_is_refused(more: dict[str, Any], param: str) -> None:
    async with served() as caller:
        answer = await caller.ask("POST", "/v1/chat/completions", {**ASK, **more})
        assert (answer.status, answer.json["error"]["param"]) == (400, param), answer.json


@in_loop
async def test_the_newer_name_of_the_most_tokens_goes_first() -> None:
    async with served() as caller:
        body = {**ASK, "max_tokens": 3, "max_completion_tokens": 5}
        answer = await caller.ask("POST", "/v1/chat/completions", body)
        assert answer.json["usage"]["completion_tokens"] == 5


@in_loop
async def test_without_a_length_it_goes_on_as_far_as_the_context() -> None:
    async with served() as caller:
        answer = (await caller.ask("POST", "/v1/chat/completions", ASK)).json
        assert answer["usage"]["total_tokens"] == 1000
        assert answer["choices"][0]["finish_reason"] == "length"


@in_loop
async def test_tenants_and_salts_keep_what_is_cached_apart() -> None:
    async with served(tenant_header="X-Tenant") as caller:
        body = {**ASK, "messages": [{"role": "user", "content": "weather " * 30}], "max_tokens": 1}

        async def cached(tenant: str, **more: Any) -> bool:
            given = {**body, **more}
            answer = (await caller.ask("POST", "/v1/chat/completions", given, {"X-Tenant": tenant})).json
            return bool(answer["usage"]["prompt_tokens_details"]["cached_tokens"])

        assert [await cached("a"), await cached("a"), await cached("b")] == [False, True, False]
        assert [await cached("a", cache_salt="x"), await cached("a", cache_salt="x")] == [False, True]
