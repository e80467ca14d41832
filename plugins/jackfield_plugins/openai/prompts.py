"""Prompts and inputs as clients give them: a text, tokens, or lists of either."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import numpy as np

from jackfield import Array
from jackfield_plugins.openai.fault import Fault
from jackfield_plugins.openai.reading import decoded

T = TypeVar("T")

_text = msgspec.json.Decoder(str)
_texts = msgspec.json.Decoder(list[str])
_tokens = msgspec.json.Decoder(list[int])
_lists = msgspec.json.Decoder(list[list[int]])
_LARGEST_TOKEN = 2**31 - 1

Prompts = list[str] | list[Array]


def prompts(raw: msgspec.Raw, param: str, most: int, longest: int) -> Prompts:
    """The prompts in `raw`, the field `param`: at least one, at most `most`, each all text or all int32 tokens.

    A list with more tokens than `most` prompts of `longest` tokens have is refused without being decoded; the others'
    lengths are for the caller to check. Raises Fault. Thread-safe.
    """
    text = bytes(raw).lstrip()
    if text[:1] == b'"':
        return [decoded(text, _text, param)]
    if text[:1] != b"[":
        raise Fault(f"'{param}' must be a text, a list of texts, a list of tokens or a list of such lists", param)
    first = text[1:64].lstrip()[:1]
    if first == b"]":
        raise Fault(f"'{param}' must not be empty", param)
    if first == b'"':
        found: list[str] = decoded(text, _texts, param)
        return _bounded(found, param, most)
    commas = text.count(b",")
    if first != b"[":
        if commas >= _allowance(longest):
            raise Fault(
                f"'{param}' has {commas + 1} tokens, and the model can attend to {longest}",
                param,
                "context_length_exceeded",
            )
        return [_array(decoded(text, _tokens, param), param)]
    if commas >= most * _allowance(longest):
        raise Fault(f"'{param}' has {commas + 1} tokens, more than {most} prompts of {longest}", param)
    lists = _bounded(decoded(text, _lists, param), param, most)
    return [_array(one, param) for one in lists]


def tokens_of(raw: msgspec.Raw, param: str, longest: int) -> list[int]:
    """The tokens in `raw`, the field `param`; a list of more than `longest` is not decoded. Raises Fault."""
    count = bytes(raw).count(b",") + 1
    if count > longest:
        raise Fault(f"'{param}' must have at most {longest} tokens, got {count}", param)
    return decoded(raw, _tokens, param)


def _allowance(longest: int) -> int:
    """Tokens that are worth decoding, so that the caller can say by how many they are too many."""
    return 2 * longest + 16


def _bounded(found: list[T], param: str, most: int) -> list[T]:
    if len(found) > most:
        raise Fault(f"'{param}' must have at most {most} prompts, got {len(found)}", param)
    return found


def _array(tokens: list[int], param: str) -> Array:
    if not tokens:
        raise Fault(f"'{param}' has a prompt without tokens", param)
    low, high = min(tokens), max(tokens)
    if low < 0 or high > _LARGEST_TOKEN:
        wrong: Any = low if low < 0 else high
        raise Fault(f"'{param}' must hold tokens of the model's vocabulary, got {str(wrong)[:30]}", param)
    return np.array(tokens, np.int32)
