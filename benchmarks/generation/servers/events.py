"""Tokens as server-sent events in OpenAI's form. Runs in a peer's environment."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any


def choice(text: str) -> str:
    """An event with a piece of text."""
    return _event({"choices": [{"index": 0, "text": text, "finish_reason": None}]})


def usage(prompt: int, tokens: int) -> str:
    """The last events."""
    counted = {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}
    return _event({"choices": [], "usage": counted}) + "data: [DONE]\n\n"


async def events(
    parts: AsyncIterator[list[int]], prompt: int, decode: Callable[[list[int]], str]
) -> AsyncIterator[str]:
    """Each part as the text that it adds; half a character waits for its other half."""
    held: list[int] = []
    count = 0
    async for part in parts:
        count += len(part)
        held += part
        if not (text := decode(held)).endswith("\ufffd"):
            held = []
            yield choice(text)
    yield usage(prompt, count)


def _event(content: Any) -> str:
    return f"data: {json.dumps(content)}\n\n"
