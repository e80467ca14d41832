"""Inference requests as text, to be made wrong in one place."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.launch import Answer, Live
from tests.e2e.sockets import doubled

ROW = '{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [7, 1, 2, 3]}'
TEXT = '{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["seven"]}'


def request(*inputs: str, more: str = "") -> str:
    """The text of a request with `inputs` and, after these, `more` fields."""
    return '{"inputs": [' + ", ".join(inputs) + "]" + more + "}"


def ask(live: Live, body: str | bytes, model: str = "double") -> Answer:
    """The answer to `body`, in which lone surrogates stay as they are."""
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    return live.ask("POST", f"/v2/models/{model}/infer", raw)


def tensor(live: Live, model: str = "double", **fields: Any) -> Answer:
    """The answer to a request of one input: `ROW` but for `fields`, where None leaves one away."""
    given = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [7, 1, 2, 3], **fields}
    return ask(live, request(json.dumps({k: v for k, v in given.items() if v is not None})), model)


def is_right(answer: Answer) -> bool:
    """Whether `double` has answered `ROW` as it should."""
    return answer.status == 200 and bool(answer.json["outputs"][0]["data"] == doubled(7))


def short(value: object) -> str:
    """The id of a test with a value of any length."""
    return ascii(value)[:40]
