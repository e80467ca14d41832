"""What an answer took, in tokens, as the protocol counts it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jackfield_plugins.generation.answer import Usage


def usage_of(usages: Iterable[Usage]) -> dict[str, Any]:
    """Of all `usages` together."""
    prompt = completion = cached = 0
    for one in usages:
        prompt += one.prompt
        completion += one.completion
        cached += one.cached
    return counted(prompt, completion, cached)


def counted(prompt: int, completion: int, cached: int | None = None) -> dict[str, Any]:
    """`cached`: how many of the prompt's tokens the KV cache knew; None where it is not known yet."""
    found: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if cached is not None:
        found["prompt_tokens_details"] = {"cached_tokens": cached}
    return found


def embedded(prompt: int) -> dict[str, Any]:
    """Of embeddings, for which nothing is generated."""
    return {"prompt_tokens": prompt, "total_tokens": prompt}
