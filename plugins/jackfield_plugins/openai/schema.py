"""The bodies of requests. Fields that are not named here are stepped over, as clients expect of servers of this kind.

What may be large and of any shape is left as it came (`Raw`), and looked at within bounds of its own.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from jackfield_plugins.generation.parameters import MAX_BIASES, MAX_STOP_TOKENS, MAX_STOPS

ABSENT = msgspec.Raw(b"")
Texts = str | Annotated[list[str], msgspec.Meta(max_length=MAX_STOPS)]
Biases = Annotated[dict[str, float], msgspec.Meta(max_length=MAX_BIASES)]
TokenIds = Annotated[list[int], msgspec.Meta(max_length=MAX_STOP_TOKENS)]


class StreamOptions(msgspec.Struct):
    """`include_usage`: one more chunk at the end that counts tokens. `continuous_usage_stats`: every chunk does."""

    include_usage: bool | None = None
    continuous_usage_stats: bool | None = None


class Sampling(msgspec.Struct, kw_only=True):
    """What completions and chat have in common. None is the same as nothing."""

    model: str
    max_tokens: int | None = None
    min_tokens: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Biases | None = None
    seed: int | None = None
    stop: Texts | None = None
    stop_token_ids: TokenIds | None = None
    include_stop_str_in_output: bool | None = None
    ignore_eos: bool | None = None
    n: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    priority: int | None = None
    cache_salt: str | None = None
    user: str | None = None
    response_format: msgspec.Raw = ABSENT


class CompletionBody(Sampling, kw_only=True):
    """`POST /v1/completions`."""

    prompt: msgspec.Raw
    best_of: int | None = None
    echo: bool | None = None
    logprobs: int | None = None
    suffix: str | None = None
    add_special_tokens: bool = True


class FunctionCall(msgspec.Struct):
    """A call that the model made earlier. `arguments` is JSON in a text."""

    name: str
    arguments: str | dict[str, Any] = ""


class ToolCall(msgspec.Struct, kw_only=True):
    """The same, with the id by which its result refers to it."""

    function: FunctionCall
    id: str = ""
    type: str = "function"


class Part(msgspec.Struct):
    """A part of a message's content."""

    type: str
    text: str | None = None


class Message(msgspec.Struct, kw_only=True):
    """One message of a conversation."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None


class ChatBody(Sampling, kw_only=True):
    """`POST /v1/chat/completions`, and what `/tokenize` takes instead of a prompt."""

    messages: list[Message]
    tools: msgspec.Raw = ABSENT
    tool_choice: msgspec.Raw = ABSENT
    parallel_tool_calls: bool | None = None
    chat_template: msgspec.Raw = ABSENT
    chat_template_kwargs: msgspec.Raw = ABSENT
    add_generation_prompt: bool | None = None
    continue_final_message: bool = False
    functions: msgspec.Raw = ABSENT
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


def given(raw: msgspec.Raw) -> bool:
    """Whether a field was there, and not null."""
    return bool(bytes(raw)) and bytes(raw) != b"null"
