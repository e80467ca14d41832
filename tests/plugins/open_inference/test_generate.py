"""Triton's extension `generate` over the real app: one text in, one or many out; and tensors by name."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.core.lifecycle.fakes import until
from tests.plugins.generation.text.gated import gated
from tests.plugins.open_inference.calling import Answer, Caller, run, served
from tests.plugins.open_inference.generating import PROMPT, breakable, checkpoint, events, generate

GREEDY = {"temperature": 0, "max_tokens": 12, "ignore_eos": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


def tiny_answers(folder: Path, *questions: tuple[Any, bool]) -> list[Answer]:
    async def asked() -> list[Answer]:
        async with checkpoint(folder) as caller:
            return [await generate(caller, content, stream) for content, stream in questions]

    return run(asked())


def broken_answers(*questions: tuple[Any, bool], broken: tuple[int, ...] = (), **model: Any) -> list[Answer]:
    async def asked() -> list[Answer]:
        async with breakable(broken, **model) as caller:
            return [await generate(caller, content, stream) for content, stream in questions]

    return run(asked())


def test_an_answer_is_one_object_whose_text_is_that_of_infer(folder: Path) -> None:
    async def asked() -> tuple[Answer, Answer]:
        async with checkpoint(folder) as caller:
            tokens = caller.app.server.model("m").version().about.tokenizer.encode(PROMPT)
            given = {"name": "tokens", "datatype": "INT32", "shape": [len(tokens)], "data": tokens}
            one = await generate(caller, {"id": "q1", "text_input": PROMPT, "parameters": GREEDY})
            return one, await caller.infer("m", {"inputs": [given], "parameters": GREEDY})

    one, infer = run(asked())
    assert (one.status, one.headers["content-type"]) == (200, "application/json")
    tokens, text = infer.json["outputs"]
    assert len(tokens["data"]) == 12
    assert one.json == {"id": "q1", "model_name": "m", "model_version": "1", "text_output": text["data"][0]}
    assert infer.json["parameters"] == {
        "finish_reason": "length",
        "prompt_tokens": infer.json["parameters"]["prompt_tokens"],
        "completion_tokens": 12,
        "cached_tokens": 0,
    }


def test_a_stream_has_an_event_for_each_piece(folder: Path) -> None:
    whole, stream, still = tiny_answers(
        folder,
        ({"text_input": PROMPT, **GREEDY}, False),
        ({"id": "s", "text_input": PROMPT, "return_finish_reason": True, "parameters": GREEDY}, True),
        ({"text_input": PROMPT, "stream": False, **GREEDY}, True),
    )
    found = events(stream)
    assert len(found) > 3
    assert all((one["id"], one["model_name"], one["model_version"]) == ("s", "m", "1") for one in found)
    assert "".join(one["text_output"] for one in found) == whole.json["text_output"]
    assert [one["finish_reason"] for one in found] == [None] * (len(found) - 1) + ["length"]
    assert stream.headers["cache-control"] == "no-cache"
    assert events(still) == [whole.json]


def test_parameters_stand_in_the_body_or_in_parameters_and_come_as_a_text_too(folder: Path) -> None:
    ways = [
        {"text_input": PROMPT, **GREEDY},
        {"text_input": PROMPT, "parameters": GREEDY},
        {"text_input": PROMPT, "sampling_parameters": json.dumps(GREEDY)},
        {"text_input": PROMPT, "parameters": {"sampling_parameters": json.dumps(GREEDY), "stream": False}},
    ]
    texts = {answer.json["text_output"] for answer in tiny_answers(folder, *((way, False) for way in ways))}
    assert len(texts) == 1
    once, again, other = tiny_answers(
        folder,
        *(({"text_input": PROMPT, "max_tokens": 20, "seed": seed, "temperature": 1.5}, False) for seed in (1, 1, 2)),
    )
    assert once.json == again.json != other.json


def test_what_else_is_told_on_demand(folder: Path) -> None:
    wanted = {"return_finish_reason": True, "return_num_input_tokens": True, "return_num_output_tokens": True}
    with_prompt, without, several = tiny_answers(
        folder,
        ({"text_input": PROMPT, "exclude_input_in_output": False, **wanted, **GREEDY}, False),
        ({"text_input": PROMPT, "exclude_input_in_output": True, **GREEDY}, False),
        ({"text_input": PROMPT, "n": 3, "return_finish_reason": True, **GREEDY}, False),
    )
    assert with_prompt.json["text_output"] == PROMPT + without.json["text_output"]
    assert with_prompt.json["finish_reason"] == "length"
    assert with_prompt.json["num_output_tokens"] == 12
    assert with_prompt.json["num_input_tokens"] > 1
    assert several.json["text_output"] == [without.json["text_output"]] * 3
    assert several.json["finish_reason"] == ["length"] * 3


def test_a_prompt_can_be_tokens(folder: Path) -> None:
    async def asked() -> tuple[Any, Any]:
        async with checkpoint(folder) as caller:
            tokens = caller.app.server.model("m").version().about.tokenizer.encode(PROMPT)
            text = await generate(caller, {"text_input": PROMPT, **GREEDY})
            return text.json, (await generate(caller, {"tokens": tokens, **GREEDY})).json

    by_text, by_tokens = run(asked())
    assert by_text == by_tokens


WRONG: list[tuple[Any, bool, str]] = [
    ({}, False, "the request must have 'text_input', the prompt as a text, or 'tokens', its tokens, for model 'm'"),
    ({"text_input": 3}, False, "'text_input' must be a text: Expected `str`, got `int`"),
    ({"text_input": ""}, False, "the prompt for model 'm' must have at least one token, got none"),
    ({"text_input": "a", "tokens": [1]}, False, "'text_input' and 'tokens' are both given, and either is the prompt"),
    ({"text_input": "a", "max_tokens": "x"}, False, "parameter 'max_tokens': expected int | null, got str"),
    ({"text_input": "a", "parameters": {"temperature": -1}}, True, "parameter 'temperature' must be at least 0 and"),
    ({"text_input": "a", "stream": 1}, False, "parameter 'stream' must be true or false, got 1"),
    ({"text_input": "a", "stream": True}, False, "parameter 'stream' must be false here: ask `generate_stream`"),
    ({"text_input": "a", "exclude_input_in_output": False}, True, "'exclude_input_in_output' must be true for an"),
    ({"tokens": [1], "exclude_input_in_output": False}, False, "'exclude_input_in_output' can only be false for a"),
    ({"text_input": "a", "n": 2}, True, "parameter 'n' must be 1 for an answer in pieces"),
    ({"text_input": "a", "max_tokens": 1, "parameters": {"max_tokens": 2}}, False, "'max_tokens' is given twice"),
    ({"text_input": "a", "priority": -1}, False, "parameter 'priority' must be a whole number from 0"),
    ({"text_input": "word " * 5000}, False, "has 25000 tokens, and must leave room for an answer in a context of 4096"),
    ({"text_input": "a" * 500_000}, False, "has more than the 4096 tokens that the model can attend to"),
]


def test_what_is_wrong_is_told_before_anything_runs() -> None:
    answers = broken_answers(*((content, stream) for content, stream, _ in WRONG))
    for (content, _, text), answer in zip(WRONG, answers, strict=True):
        assert answer.status in (400, 413), (content, answer.body)
        assert answer.headers["content-type"] == "application/json"
        assert text in answer.error
    for body in (b"", b"[1]", b"{", b'{"text_input": "\xff"}', b'{"id": 5}', b'{"parameters": 3}', b"[" * 5000):
        assert run(_posted(body)).status == 400, body


async def _posted(body: bytes) -> Answer:
    async with breakable() as caller:
        return await caller.ask("POST", "/v2/models/m/generate", body)


def test_a_fault_in_mid_stream_is_the_last_event() -> None:
    (fine,) = broken_answers(({"text_input": PROMPT, "return_num_output_tokens": True, **GREEDY}, True))
    assert len(events(fine)) > 3

    async def tokens() -> list[int]:
        async with breakable() as caller:
            given = caller.app.server.model("m").version().about.tokenizer.encode(PROMPT)
            answer = await generate(caller, {"tokens": given, **GREEDY})
            assert answer.status == 200
            content = {"inputs": [{"name": "tokens", "datatype": "INT32", "shape": [len(given)], "data": given}]}
            infer = await caller.infer("m", {**content, "parameters": GREEDY})
            return infer.json["outputs"][0]["data"]  # type: ignore[no-any-return]

    said = run(tokens())
    late, early = broken_answers(
        ({"text_input": PROMPT, "id": "x", **GREEDY}, True),
        ({"tokens": [said[7]], **GREEDY}, True),
        broken=(said[7],),
    )
    *pieces, error = events(late)
    assert late.status == 200
    assert 0 < len(pieces) <= 8
    assert all("text_output" in piece for piece in pieces)
    assert error == {"error": "the model raised RuntimeError: the decoder broke"}
    assert (early.status, early.error) == (500, "the model raised RuntimeError: the decoder broke")


def test_a_deadline_that_passes_before_the_first_piece_has_its_status() -> None:
    (answer,) = broken_answers(({"text_input": PROMPT, "timeout": 1, **GREEDY}, True))
    assert (answer.status, answer.error) == (503, "Request timeout expired")


def test_priority_tenant_and_ids_go_on_with_the_request() -> None:
    seen: list[Any] = []

    async def asked() -> Answer:
        async with breakable(scheduler="priority") as caller:
            version = caller.app.server.model("m").version()
            submit = version._submit

            def noting(request: Any, *more: Any) -> Any:
                seen.append(request)
                return submit(request, *more)

            version._submit = noting  # type: ignore[method-assign, assignment]
            content = {"id": "a\nb", "text_input": PROMPT, "priority": 2, "timeout": 5_000_000, **GREEDY}
            return await caller.ask(
                "POST", "/v2/models/m/generate", json.dumps(content).encode(), {"X-Request-Id": "mine"}
            )

    answer = run(asked())
    assert answer.json["id"] == "a\nb"
    assert answer.headers["x-request-id"] == "mine"
    (request,) = seen
    assert (request.priority, request.timeout, request.id) == (2, 5.0, "a\\nb")


def test_clients_that_go_end_their_generations() -> None:
    async def gone() -> None:
        async with breakable() as caller:
            body = json.dumps({"text_input": PROMPT, "max_tokens": 2000, "temperature": 0}).encode()
            going: list[Coroutine[Any, Any, Answer]] = [
                caller.ask("POST", f"/v2/models/m/{route}", body, gone_after=0.0)
                for route in ("generate", "generate_stream")
            ]
            for answer in await asyncio.gather(*going):
                assert b"finish" not in answer.body
            counts = caller.app.server.versions[0].statistics
            assert counts.outstanding == 0
            assert counts.cancelled + counts.completed == 2

    run(gone())


@pytest.mark.parametrize("stream", [False, True])
def test_others_are_answered_while_a_prompt_is_tokenized(monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    async def asked() -> list[int]:
        async with breakable() as caller:
            with gated(monkeypatch) as gate:
                slow = asyncio.ensure_future(generate(caller, {"text_input": PROMPT, **GREEDY}, stream))
                await until(lambda: gate.callers)
                given = {"name": "tokens", "datatype": "INT32", "shape": [2], "data": [5, 6]}
                infer = await caller.infer("m", {"inputs": [given], "parameters": GREEDY})
                assert ((await caller.get("/v2/models/m")).status, infer.status) == (200, 200)
                assert not slow.done()
                gate.opened.set()
                assert (await slow).status == 200
                return gate.callers

    assert threading.get_ident() not in run(asked())


def test_other_methods_and_unknown_models() -> None:
    async def asked(caller: Caller) -> list[Answer]:
        return [
            await caller.get("/v2/models/m/generate"),
            await caller.get("/v2/models/m/versions/1/generate_stream"),
            await caller.ask("POST", "/v2/models/no/generate", b"{}"),
            await caller.ask("POST", "/v2/models/m/versions/7/generate_stream", b"{}"),
        ]

    async def main() -> list[Answer]:
        async with breakable() as caller:
            return await asked(caller)

    one, other, unknown, version = run(main())
    assert (one.status, one.headers["allow"]) == (other.status, other.headers["allow"]) == (405, "POST")
    assert (unknown.status, unknown.error) == (404, "Request for unknown model: 'no' is not found")
    assert version.status == 404


def test_fields_are_the_tensors_of_other_models() -> None:
    async def asked() -> list[Answer]:
        async with served("pair", "mlp", "single", "echo-fp16", "echo-fp32") as caller:

            async def post(model: str, content: Any, route: str = "generate") -> Answer:
                return await caller.ask("POST", f"/v2/models/{model}/{route}", json.dumps(content).encode())

            return [
                await post("pair", {"id": "p", "a": [1, 2], "b": ["x"]}),
                await post("pair", {"a": [[1, 2], [3, 4]], "parameters": {"b": [["x"], ["y"]]}}),
                await post("single", {"x": [1, 2, 3], "color": "red"}, "generate_stream"),
                await post("echo-fp32", {"x": 2}),
                await post("pair", {"a": [1, 2]}),
                await post("pair", {"a": [1, True], "b": ["x"]}),
                await post("mlp", {"x": [[1, 2], [3]]}),
                await post("mlp", {"x": [666] + [0] * 15}, "generate_stream"),
                await post("mlp", {"x": [404] + [0] * 15}),
                await post("echo-fp16", {"x": [1]}),
            ]

    one, rows, single, scalar, missing, kind, ragged, raised, infinite, formless = run(asked())
    assert one.json == {"id": "p", "model_name": "pair", "model_version": "1", "total": 3, "marked": "<x>"}
    assert rows.json == {"model_name": "pair", "model_version": "1", "total": [3, 7], "marked": ["<x>", "<y>"]}
    assert events(single) == [{"model_name": "single", "model_version": "1", "y": [1, 2, 3]}]
    assert scalar.json["y"] == 2
    assert (missing.status, missing.error) == (
        400,
        "expected 2 inputs but got 1 inputs for model 'pair': 'b' missing",
    )
    assert "input 'a', element [1]: expected INT32, got bool" in kind.error
    assert (ragged.status, ragged.error[:10]) == (400, "input 'x':")
    assert raised.status == 500
    assert infinite.status == 400
    assert "NaN or infinite" in infinite.error
    assert (formless.status, "FP16 has no JSON form" in formless.error) == (400, True)
