from __future__ import annotations

import threading
from typing import Any

import orjson
import pytest

from jackfield_plugins.openai.logprobs import Legacy
from tests.core.lifecycle.fakes import in_loop
from tests.plugins.openai.calling import served

ASK: dict[str, Any] = {"model": "m", "prompt": "Hello", "temperature": 0, "ignore_eos": True}


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"best_of": 2}, "best_of"),
        ({"best_of": 3, "n": 2}, "best_of"),
        ({"suffix": "x"}, "suffix"),
        ({"logprobs": 21}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1000}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": [1000]}, "prompt"),
        ({"prompt": [1] * 1001}, "prompt"),
        ({"prompt": ["a", "b", "c"]}, "prompt"),
        ({"prompt": None}, "prompt"),
    ],
)
@in_loop
async def test_what_is_refused(more: dict[str, Any], param: str) -> None:
    async with served(max_prompts=2) as caller:
        answer = await caller.ask("POST", "/v1/completions", {**ASK, **more})
        assert (answer.status, answer.json["error"]["param"]) == (400, param), answer.json
        # whose request it was is not known where its JSON is wrong
        assert sum(caller.app.server.versions[0].statistics.refused.values()) == (more != {"logprobs": True})


@in_loop
async def test_lengths() -> None:
    async with served() as caller:
        answer = (await caller.ask("POST", "/v1/completions", ASK)).json
        assert answer["usage"]["completion_tokens"] == 16
        assert (await caller.ask("POST", "/v1/completions", {**ASK, "max_tokens": 990})).status == 200
        alike = (await caller.ask("POST", "/v1/completions", {**ASK, "best_of": 2, "n": 2})).json
        assert [choice["text"] for choice in alike["choices"]] == [answer["choices"][0]["text"]] * 2
        assert [choice["index"] for choice in alike["choices"]] == [0, 1]


@in_loop
async def test_the_prompt_comes_first_where_it_is_asked_for() -> None:
    async with served() as caller:
        plain = (await caller.ask("POST", "/v1/completions", ASK)).json["choices"][0]["text"]
        body = {**ASK, "echo": True}
        told = (await caller.ask("POST", "/v1/completions", body)).json["choices"][0]
        assert (told["text"], told["logprobs"]) == ("Hello" + plain, None)
        stream = await caller.ask("POST", "/v1/completions", {**body, "stream": True})
        assert '"text":"Hello"' in stream.events[0]
        nothing = {**body, "max_tokens": 0, "prompt": [70, 71, 72], "logprobs": 0}
        only = (await caller.ask("POST", "/v1/completions", nothing)).json
        (choice,) = only["choices"]
        assert len(choice["logprobs"]["tokens"]) == 3
        assert choice["logprobs"]["token_logprobs"][0] is None
        assert choice["finish_reason"] == "length"
        assert only["usage"]["completion_tokens"] == 0


@in_loop
async def test_many_log_probabilities_are_told_elsewhere_and_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {**ASK, "prompt": [[70] * 400, [71] * 400], "echo": True, "logprobs": 5, "seed": 3}
    threads = list[str]()
    made = Legacy.of_prompt

    def watched(*args: Any) -> Any:
        threads.append(threading.current_thread().name)
        return made(*args)

    monkeypatch.setattr(Legacy, "of_prompt", watched)
    async with served() as caller:
        whole = (await caller.ask("POST", "/v1/completions", body)).json["choices"]
        stream = await caller.ask("POST", "/v1/completions", {**body, "stream": True})
        chunks = [orjson.loads(one)["choices"][0] for one in stream.events[:-1]]
        for choice in whole:
            parts = [chunk["logprobs"] for chunk in chunks if chunk["index"] == choice["index"]]
            for name, told in choice["logprobs"].items():
                assert [one for part in parts for one in part[name]] == told
    assert len(threads) == 4
    assert threading.main_thread().name not in threads
