"""The real client against a real server with a real model."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.e2e.launch import Live

QUESTION: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
PARIS = "The capital of France is Paris."
WEATHER: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def asking(*cities: str) -> list[Any]:
    """Questions about the weather of `cities`, all but the last of which were answered by a call."""
    found: list[Any] = []
    for number, city in enumerate(cities):
        found.append({"role": "user", "content": f"What is the weather in {city}?"})
        function = {"name": "get_weather", "arguments": json.dumps({"city": city})}
        call = {"id": f"call_{number}", "type": "function", "function": function}
        found.append({"role": "assistant", "content": None, "tool_calls": [call]})
    return found[:-1]


def joined(chunks: Sequence[ChatCompletionChunk], index: int = 0) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices if choice.index == index)


def test_models(client: openai.OpenAI) -> None:
    found = {model.id: model for model in client.models.list()}
    assert set(found) == {"smollm2", "tools", "evil", "minilm", "double"}
    assert found["smollm2"].object == "model"
    assert client.models.retrieve("smollm2") == found["smollm2"]
    assert found["smollm2"].to_dict()["max_model_len"] == 2048
    with pytest.raises(openai.NotFoundError, match="the model 'nix' does not exist") as raised:
        client.models.retrieve("nix")
    assert raised.value.code == "model_not_found"


def test_chat(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(model="smollm2", messages=QUESTION, temperature=0)
    (choice,) = found.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", PARIS, "stop")
    assert found.model == "smollm2"
    assert found.id.startswith("chatcmpl-")
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.total_tokens) == (37, 8, 45)


def test_roles_and_parts_say_the_same_as_texts(client: openai.OpenAI) -> None:
    parts = [{"type": "text", "text": "What is the"}, {"type": "text", "text": "capital of France?"}]
    ways: list[list[Any]] = [
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is the\ncapital of France?"}],
        [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}],
    ]
    answers = [client.chat.completions.create(model="smollm2", messages=way, temperature=0) for way in ways]
    assert answers[0].choices[0].message.content == answers[1].choices[0].message.content
    assert answers[0].usage is not None
    assert answers[1].usage is not None
    assert answers[0].usage.prompt_tokens == answers[1].usage.prompt_tokens


def test_a_streamed_chat_says_what_a_whole_one_says(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="smollm2", messages=QUESTION, temperature=0, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert joined(chunks) == PARIS
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (37, 8)
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_in_every_chunk(client: openai.OpenAI) -> None:
    options: Any = {"include_usage": True, "continuous_usage_stats": True}
    chunks = client.chat.completions.create(
        model="smollm2", messages=QUESTION, temperature=0, stream=True, stream_options=options
    )
    said = [chunk.usage.completion_tokens for chunk in chunks if chunk.usage is not None]
    assert said == sorted(said)
    assert (said[0], said[-1]) == (0, 8)
    assert len(said) >= 9


def test_log_probabilities_of_a_chat(client: openai.OpenAI) -> None:
    arguments: dict[str, Any] = {
        "model": "smollm2",
        "messages": QUESTION,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 3,
    }
    whole = client.chat.completions.create(**arguments).choices[0].logprobs
    assert whole is not None
    assert whole.content is not None
    assert "".join(one.token for one in whole.content) == PARIS
    for one in whole.content:
        assert one.bytes == list(one.token.encode())
        assert len(one.top_logprobs) == 3
        assert one.top_logprobs[0].logprob == pytest.approx(one.logprob)
        assert one.logprob <= 0
    chunks = list(client.chat.completions.create(**arguments, stream=True))
    streamed = [
        one
        for chunk in chunks
        for choice in chunk.choices
        if choice.logprobs is not None and choice.logprobs.content is not None
        for one in choice.logprobs.content
    ]
    assert [one.token for one in streamed] == [one.token for one in whole.content]
    assert [one.logprob for one in streamed] == pytest.approx([one.logprob for one in whole.content], abs=1e-5)


def test_several_choices_with_a_seed(client: openai.OpenAI) -> None:
    arguments: dict[str, Any] = {
        "model": "smollm2",
        "messages": [{"role": "user", "content": "Tell me a story."}],
        "n": 3,
        "seed": 7,
        "temperature": 1.5,
        "max_tokens": 12,
    }
    first, again = (client.chat.completions.create(**arguments) for _ in range(2))
    texts = [choice.message.content for choice in first.choices]
    assert [choice.index for choice in first.choices] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert texts == [choice.message.content for choice in again.choices]
    chunks = list(client.chat.completions.create(**arguments, stream=True))
    assert [joined(chunks, index) for index in range(3)] == texts
    other = client.chat.completions.create(**{**arguments, "seed": 8})
    assert texts != [choice.message.content for choice in other.choices]


def test_stops(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(model="smollm2", messages=QUESTION, temperature=0, stop=[" Par", "xyz"])
    assert found.choices[0].message.content == "The capital of France is"
    assert found.choices[0].finish_reason == "stop"
    assert found.choices[0].to_dict()["stop_reason"] == " Par"
    short = client.chat.completions.create(model="smollm2", messages=QUESTION, temperature=0, max_completion_tokens=3)
    assert (short.choices[0].message.content, short.choices[0].finish_reason) == ("The capital of", "length")


def test_biases_and_further_parameters(client: openai.OpenAI) -> None:
    arguments: dict[str, Any] = {"model": "smollm2", "messages": QUESTION, "temperature": 0, "max_tokens": 5}
    more = {"prompt": "The", "add_special_tokens": False, "model": "smollm2"}
    (the,) = client.post("/../tokenize", body=more, cast_to=object)["tokens"]  # type: ignore[index]
    biased = client.chat.completions.create(**arguments, logit_bias={str(the): -100})
    assert biased.choices[0].message.content is not None
    assert not biased.choices[0].message.content.startswith("The")
    forced = client.chat.completions.create(**arguments, extra_body={"ignore_eos": True, "min_tokens": 5, "top_k": 1})
    assert forced.usage is not None
    assert forced.usage.completion_tokens == 5
    extra = {"top_k": 3, "min_p": 0.1, "repetition_penalty": 1.2, "stop_token_ids": [5], "priority": 2, "what": [{}]}
    assert client.chat.completions.create(
        **arguments, presence_penalty=0.5, frequency_penalty=0.5, user="me", metadata={"a": "b"}, extra_body=extra
    ).choices


def test_the_final_message_is_continued(client: openai.OpenAI) -> None:
    messages = [*QUESTION, {"role": "assistant", "content": "The capital of France"}]
    found = client.chat.completions.create(
        model="smollm2", messages=messages, temperature=0, extra_body={"continue_final_message": True}
    )
    assert found.choices[0].message.content == " is Paris."


def test_a_completion(client: openai.OpenAI) -> None:
    found = client.completions.create(model="smollm2", prompt="The capital of France is", temperature=0)
    assert found.choices[0].finish_reason == "length"
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (5, 16)
    chunks = list(
        client.completions.create(model="smollm2", prompt="The capital of France is", temperature=0, stream=True)
    )
    assert "".join(chunk.choices[0].text for chunk in chunks) == found.choices[0].text
    assert chunks[-1].choices[0].finish_reason == "length"


def test_prompts_of_every_kind_at_once(client: openai.OpenAI) -> None:
    texts = ["The capital of France is", "Once upon a time"]
    tokens = [client.post("/../tokenize", body={"model": "smollm2", "prompt": one}, cast_to=object) for one in texts]
    ids: list[list[int]] = [one["tokens"] for one in tokens]  # type: ignore[index]
    arguments: dict[str, Any] = {"model": "smollm2", "temperature": 0, "max_tokens": 6}
    one = [client.completions.create(prompt=text, **arguments).choices[0].text for text in texts]
    assert [choice.text for choice in client.completions.create(prompt=texts, **arguments).choices] == one
    assert [choice.text for choice in client.completions.create(prompt=ids, **arguments).choices] == one
    assert client.completions.create(prompt=ids[1], **arguments).choices[0].text == one[1]
    double = client.completions.create(prompt=texts, n=2, **arguments)
    assert [(choice.index, choice.text) for choice in double.choices] == [
        (0, one[0]),
        (1, one[0]),
        (2, one[1]),
        (3, one[1]),
    ]
    streamed = ["", "", "", ""]
    for chunk in client.completions.create(prompt=texts, n=2, stream=True, **arguments):
        for choice in chunk.choices:
            streamed[choice.index] += choice.text
    assert streamed == [one[0], one[0], one[1], one[1]]


def test_what_evaluation_harnesses_ask_for(client: openai.OpenAI) -> None:
    text = "The capital of France is Paris, and that of Spain is Madrid."
    ids: Any = client.post("/../tokenize", body={"model": "smollm2", "prompt": text}, cast_to=object)
    arguments: dict[str, Any] = {"model": "smollm2", "echo": True, "logprobs": 1, "temperature": 0}
    found = client.completions.create(prompt=[ids["tokens"]], max_tokens=1, **arguments).choices[0]
    told = found.logprobs
    assert found.text.startswith(text)
    assert told is not None
    assert told.tokens is not None
    assert told.token_logprobs is not None
    assert told.top_logprobs is not None
    assert told.text_offset is not None
    assert len(told.tokens) == len(told.token_logprobs) == len(told.text_offset) == len(ids["tokens"]) + 1
    assert "".join(told.tokens[:-1]) == text
    assert [found.text[start:].startswith(token) for start, token in zip(told.text_offset, told.tokens, strict=True)]
    first: Any = told.token_logprobs[0]
    assert first is None
    for token, logprob, top in zip(told.tokens[1:], told.token_logprobs[1:], told.top_logprobs[1:], strict=True):
        assert top[token] == logprob
        assert max(top.values()) >= logprob
    nothing = client.completions.create(prompt=text, max_tokens=0, **arguments).choices[0]
    assert (nothing.text, nothing.finish_reason) == (text, "length")
    assert nothing.logprobs is not None
    assert nothing.logprobs.token_logprobs is not None
    assert nothing.logprobs.token_logprobs[1:] == pytest.approx(told.token_logprobs[1:-1], abs=1e-5)
    streamed = list(client.completions.create(prompt=text, max_tokens=1, stream=True, **arguments))
    assert streamed[0].choices[0].text == text
    assert "".join(chunk.choices[0].text for chunk in streamed) == found.text
    assert streamed[0].choices[0].logprobs is not None
    assert streamed[0].choices[0].logprobs.tokens == told.tokens[:-1]


def test_a_token_at_a_time_is_as_likely_as_in_a_prompt(client: openai.OpenAI) -> None:
    arguments: dict[str, Any] = {"model": "smollm2", "logprobs": 0, "temperature": 0}
    said = client.completions.create(prompt="Once upon a time", max_tokens=12, **arguments).choices[0]
    read = client.completions.create(
        prompt="Once upon a time" + said.text, max_tokens=0, echo=True, **arguments
    ).choices[0]
    assert said.logprobs is not None
    assert read.logprobs is not None
    assert said.logprobs.tokens is not None
    assert read.logprobs.tokens is not None
    assert read.logprobs.token_logprobs is not None
    assert read.logprobs.tokens[-12:] == said.logprobs.tokens
    assert read.logprobs.token_logprobs[-12:] == pytest.approx(said.logprobs.token_logprobs, abs=1e-4)


def test_tools(client: openai.OpenAI) -> None:
    arguments: dict[str, Any] = {"model": "tools", "tools": WEATHER, "temperature": 0, "max_tokens": 60}
    found = client.chat.completions.create(messages=asking("London", "Rome", "Paris"), **arguments).choices[0]
    assert found.finish_reason == "tool_calls"
    assert found.message.content is None
    assert found.message.tool_calls is not None
    (call,) = found.message.tool_calls
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Paris"})
    chunks = list(client.chat.completions.create(messages=asking("London", "Rome", "Paris"), stream=True, **arguments))
    deltas = [delta for chunk in chunks for delta in chunk.choices[0].delta.tool_calls or ()]
    assert [delta.index for delta in deltas] == [0]
    assert deltas[0].function is not None
    assert (deltas[0].function.name, deltas[0].function.arguments) == ("get_weather", call.function.arguments)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    text = client.chat.completions.create(messages=asking("London", "Rome", "Paris"), **{**arguments, "tools": None})
    none = client.chat.completions.create(messages=asking("London", "Rome", "Paris"), tool_choice="none", **arguments)
    assert text.choices[0].message.tool_calls is None
    assert none.choices[0].message.content == text.choices[0].message.content


@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_embeddings(client: openai.OpenAI, encoding: Any) -> None:
    texts = ["The cat sits on the mat.", "A cat is sitting on a rug.", "Interest rates rose again."]
    found = client.embeddings.create(model="minilm", input=texts, encoding_format=encoding)
    raw: list[Any] = [one.embedding for one in found.data]
    vectors = np.array(
        [np.frombuffer(base64.b64decode(one), "<f4") if isinstance(one, str) else one for one in raw], np.float32
    )
    assert vectors.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > 0.6
    assert likeness[0, 2] < 0.3
    assert found.usage.prompt_tokens == found.usage.total_tokens > 20
    alone = client.embeddings.create(model="minilm", input=texts[0])
    np.testing.assert_allclose(np.array(alone.data[0].embedding, np.float32), vectors[0], atol=1e-5)


def test_embeddings_of_tokens(client: openai.OpenAI) -> None:
    tokens = [101, 1996, 4937, 102]
    one = client.embeddings.create(model="minilm", input=tokens, dimensions=384)
    many = client.embeddings.create(model="minilm", input=[tokens, tokens[:2] + tokens[3:]])
    np.testing.assert_allclose(one.data[0].embedding, many.data[0].embedding, atol=1e-5)
    assert many.usage.prompt_tokens == 7
    text = client.embeddings.create(model="minilm", input="the cat")
    np.testing.assert_allclose(one.data[0].embedding, text.data[0].embedding, atol=1e-5)
    with pytest.raises(openai.BadRequestError, match="'dimensions' must be 384"):
        client.embeddings.create(model="minilm", input=tokens, dimensions=100)
    with pytest.raises(openai.BadRequestError, match="'input' has 600 tokens") as raised:
        client.embeddings.create(model="minilm", input=[5] * 600)
    assert raised.value.code == "context_length_exceeded"


def test_tokens_and_back(live: Live) -> None:
    body = {"model": "smollm2", "prompt": "Grüße, <|im_end|>!", "return_token_strs": True}
    found = live.ask("POST", "/tokenize", json.dumps(body).encode()).json
    assert found["count"] == len(found["tokens"]) == len(found["token_strs"])
    assert found["max_model_len"] == 2048
    back = live.ask("POST", "/detokenize", json.dumps({"model": "smollm2", "tokens": found["tokens"]}).encode()).json
    assert back == {"prompt": "Grüße, <|im_end|>!"}
    chat = live.ask("POST", "/tokenize", json.dumps({"model": "smollm2", "messages": QUESTION}).encode()).json
    assert chat["count"] == 37


@pytest.mark.parametrize(
    ("given", "status", "param", "code", "says"),
    [
        ({"model": "nix"}, 404, "model", "model_not_found", "does not exist"),
        ({"model": "double"}, 400, "model", "unsupported", "does not generate text"),
        ({"model": "minilm"}, 400, "model", "unsupported", "it embeds"),
        ({"temperature": "hot"}, 400, "temperature", None, 'got "hot"'),
        ({"temperature": -1}, 400, "temperature", None, "at least 0"),
        ({"top_p": 0}, 400, "top_p", None, "more than 0"),
        ({"max_tokens": 0}, 400, "max_tokens", None, "at least 1"),
        ({"max_tokens": 5000}, 400, "messages", "context_length_exceeded", "2048 tokens"),
        ({"messages": []}, 400, "messages", None, "at least one"),
        ({"messages": [{"role": "king", "content": "x"}]}, 400, "messages", None, "'king'"),
        ({"messages": [{"role": "user"}]}, 400, "messages", None, "must have a content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///x"}}]}]},
            400,
            "messages",
            None,
            "reads text only",
        ),
        ({"messages": None}, 400, "messages", None, "expected 'array'"),
        ({"response_format": {"type": "json_object"}}, 400, "response_format", "unsupported", "not supported yet"),
        ({"response_format": {"type": "x"}}, 400, "response_format", None, "type 'text'"),
        ({"tools": WEATHER}, 400, "tools", "unsupported", "no place for tools"),
        ({"tools": WEATHER, "tool_choice": "required"}, 400, "tool_choice", "unsupported", "cannot be forced"),
        ({"tools": 3}, 400, "tools", None, "expected 'array'"),
        ({"chat_template": "{{ 1 }}"}, 400, "chat_template", None, "the model's own"),
        ({"chat_template_kwargs": {"messages": []}}, 400, None, None, "not for a request to set"),
        ({"stream_options": {"include_usage": True}}, 400, "stream_options", None, "'stream': true"),
        ({"top_logprobs": 3}, 400, "top_logprobs", None, "'logprobs': true"),
        ({"priority": -1}, 400, "priority", None, "from 0"),
    ],
)
def test_what_is_refused(live: Live, given: Any, status: int, param: str | None, code: str | None, says: str) -> None:
    body = {"model": "smollm2", "messages": QUESTION, **given}
    answer = live.ask("POST", "/v1/chat/completions", json.dumps(body).encode())
    error = answer.json["error"]
    assert (answer.status, error["param"], error["code"]) == (status, param, code), error
    assert says in error["message"]
    assert error["type"] == "invalid_request_error"


def test_a_completion_of_what_does_not_fit(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="'suffix' is not supported"):
        client.completions.create(model="smollm2", prompt="x", suffix="y")
    with pytest.raises(openai.BadRequestError, match="'best_of' must be equal to 'n', which is 1"):
        client.completions.create(model="smollm2", prompt="x", best_of=2)
    with pytest.raises(openai.BadRequestError, match="'prompt' must hold tokens from 0 to 49151, got 60000"):
        client.completions.create(model="smollm2", prompt=[60000])
    with pytest.raises(openai.BadRequestError, match="'prompt' is empty"):
        client.completions.create(model="smollm2", prompt="")
    with pytest.raises(openai.BadRequestError, match="'prompt' must have at most 256 prompts, got 257"):
        client.completions.create(model="smollm2", prompt=["x"] * 257)


def test_methods_and_paths(live: Live) -> None:
    assert live.ask("GET", "/v1/nothing").json["error"]["code"] == "not_found"
    answer = live.ask("GET", "/v1/chat/completions")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert live.ask("POST", "/v1/models", b"{}").headers["allow"] == "GET, HEAD"
    assert live.ask("HEAD", "/v1/models").body == b""
    given = {"X-Request-Id": "mine"}
    assert live.ask("GET", "/v1/models", None, given).headers["x-request-id"] == "mine"
