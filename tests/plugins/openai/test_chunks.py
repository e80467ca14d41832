from __future__ import annotations

import json
from typing import Any

from jackfield_plugins.generation.answer import Usage
from jackfield_plugins.openai.chunks import Frame
from jackfield_plugins.openai.schema import Sampling, StreamOptions

HEAD = {"id": "x"}


def frame(**options: bool) -> Frame:
    return Frame(HEAD, Sampling(model="m", stream_options=StreamOptions(**options) if options else None), 7)


def events(data: bytes) -> list[Any]:
    parts = data.decode().split("\n\n")
    assert parts.pop() == ""
    return [one.removeprefix("data: ") for one in parts]


def test_a_chunk_put_together_is_one_that_was_encoded() -> None:
    made = frame()
    joined = made.start(1, b'"text":') + b'"hi"}' + made.end()
    assert joined == made.chunk({"index": 1, "text": "hi"})
    assert [json.loads(one) for one in events(joined)] == [{"id": "x", "choices": [{"index": 1, "text": "hi"}]}]
    assert made.last() == b"data: [DONE]\n\n"


def test_usage_at_the_end() -> None:
    made = frame(include_usage=True)
    assert json.loads(events(made.chunk({}))[0])["usage"] is None
    made.used(Usage(7, 2, 0))
    last, done = events(made.last())
    assert json.loads(last)["choices"] == []
    assert json.loads(last)["usage"]["total_tokens"] == 9
    assert done == "[DONE]"


def test_usage_all_the_time() -> None:
    made = frame(continuous_usage_stats=True)
    made.count(0, 1)
    made.count(1, 2)
    assert json.loads(events(made.chunk({}))[0])["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "total_tokens": 10,
    }
