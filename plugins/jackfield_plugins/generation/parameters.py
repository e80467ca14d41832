"""What a request asks of its generation, checked: each parameter that is out of range is refused with one sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from jackfield.errors import InvalidRequest

_PATH = re.compile(r"\$\.(\w+)")

MAX_N = 64
MAX_STOPS = 16
MAX_STOP_LENGTH = 256
MAX_STOP_TOKENS = 128
MAX_BIASES = 1024
MAX_LOGPROBS = 20
FINISHES = ("", "stop", "length")
"""How an answer can stand: it goes on, or this is why it ended."""


class Begun(msgspec.Struct, frozen=True):
    """One choice of several, as far as it was told elsewhere. `finish`: why it ended; empty if it is to go on."""

    tokens: tuple[int, ...] = ()
    finish: str = ""


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """How to choose tokens, and when to stop. Immutable.

    `max_tokens` None: as many as the context holds. `temperature` 0 takes the likeliest token. `top_k` 0 is all. `seed`
    None is random. `stop`: texts before which the answer ends. `logprobs` None gives none, n the n likeliest besides
    the one that was taken. `echo`: the answer begins with the prompt. `cache_salt` keeps a prompt's cached blocks apart
    from those of others. `given`: tokens of the answer that were generated and told elsewhere, to be continued;
    `begun`: the same for each of `n` choices.
    """

    max_tokens: int | None = None
    min_tokens: int = 0
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: dict[int, float] = {}
    seed: int | None = None
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    include_stop: bool = False
    ignore_eos: bool = False
    logprobs: int | None = None
    echo: bool = False
    n: int = 1
    cache_salt: str = ""
    given: tuple[int, ...] = ()
    begun: tuple[Begun, ...] = ()

    @property
    def longest(self) -> int:
        """Most tokens that are there of a choice that goes on."""
        return max((len(one.tokens) for one in self.begun if not one.finish), default=len(self.given))


_NAMES = frozenset(Parameters.__struct_fields__)
DEFAULTS = Parameters()


def parameters(given: Mapping[str, Any], vocabulary: int, defaults: Parameters = DEFAULTS) -> Parameters:
    """The parameters in `given`, by name, and of `defaults` where it says nothing; others are not looked at.

    Raises InvalidRequest naming the parameter, what was given and what would be right.
    """
    asked = {name: value for name, value in given.items() if name in _NAMES and value is not None}
    if isinstance(asked.get("stop"), str):
        asked["stop"] = (asked["stop"],)
    if isinstance(asked.get("logprobs"), bool):
        asked["logprobs"] = 0 if asked["logprobs"] else None
    bias = asked.get("logit_bias")
    if isinstance(bias, Mapping):
        asked["logit_bias"] = {_token_id(key): value for key, value in bias.items()}
    try:
        found = msgspec.convert(asked, Parameters)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_told(error)) from None
    if defaults is not DEFAULTS:
        unsaid = {name: getattr(defaults, name) for name in _NAMES if name not in asked}
        found = msgspec.structs.replace(found, **unsaid)
    check(found, vocabulary)
    return found


def check(p: Parameters, vocabulary: int) -> None:
    """Raise InvalidRequest for the first of `p` that is out of range."""
    if p.max_tokens is not None:
        _within("max_tokens", p.max_tokens, 0 if p.echo else 1, None)
    _within("min_tokens", p.min_tokens, 0, p.max_tokens)
    _within("temperature", p.temperature, 0, 100)
    _within("top_k", p.top_k, -1, None)
    _within("top_p", p.top_p, 0, 1, open_low=True)
    _within("min_p", p.min_p, 0, 1)
    _within("repetition_penalty", p.repetition_penalty, 0, 100, open_low=True)
    _within("presence_penalty", p.presence_penalty, -2, 2)
    _within("frequency_penalty", p.frequency_penalty, -2, 2)
    _within("n", p.n, 1, MAX_N)
    if p.logprobs is not None:
        _within("logprobs", p.logprobs, 0, MAX_LOGPROBS)
    _most("logit_bias", len(p.logit_bias), MAX_BIASES, "tokens")
    for token, bias in p.logit_bias.items():
        _known("logit_bias", token, vocabulary)
        _within(f"logit_bias of token {token}", bias, -100, 100)
    _most("stop", len(p.stop), MAX_STOPS, "texts")
    for text in p.stop:
        if not text:
            raise InvalidRequest("parameter 'stop' must not hold an empty text")
        _most("stop", len(text), MAX_STOP_LENGTH, "characters in one text")
    _most("stop_token_ids", len(p.stop_token_ids), MAX_STOP_TOKENS, "tokens")
    for name, tokens in (("stop_token_ids", p.stop_token_ids), ("given", p.given)):
        for token in tokens:
            _known(name, token, vocabulary)
    if p.given and p.n > 1:
        raise InvalidRequest(f"parameter 'n' must be 1 where an answer is continued, got {p.n}")
    if p.begun:
        _check_begun(p, vocabulary)
    if p.longest and p.max_tokens is not None and p.longest >= p.max_tokens:
        raise InvalidRequest(f"parameter 'max_tokens' must be more than the {p.longest} given, got {p.max_tokens}")
    if p.seed is not None and not -(2**63) <= p.seed < 2**64:
        raise InvalidRequest(f"parameter 'seed' must fit into 64 bits, got {_short(p.seed)}")


def _check_begun(p: Parameters, vocabulary: int) -> None:
    if p.given:
        raise InvalidRequest("parameters 'given' and 'begun' cannot stand together")
    if len(p.begun) != p.n:
        raise InvalidRequest(f"parameter 'begun' must have one entry for each of {p.n} choices, got {len(p.begun)}")
    if all(one.finish for one in p.begun):
        raise InvalidRequest("parameter 'begun' must leave a choice that goes on")
    for one in p.begun:
        if one.finish not in FINISHES:
            raise InvalidRequest(f"parameter 'begun' has a finish that is none of {', '.join(map(repr, FINISHES))}")
        for token in one.tokens:
            _known("begun", token, vocabulary)


def _within(name: str, value: float, low: float, high: float | None, *, open_low: bool = False) -> None:
    right = value > low if open_low else value >= low
    if right and math.isfinite(value) and (high is None or value <= high):
        return
    wanted = f"more than {low}" if open_low else f"at least {low}"
    if high is not None:
        wanted += f" and at most {high}"
    raise InvalidRequest(f"parameter '{name}' must be {wanted}, got {_short(value)}")


def _most(name: str, count: int, most: int, what: str) -> None:
    if count > most:
        raise InvalidRequest(f"parameter '{name}' must have at most {most} {what}, got {count}")


def _known(name: str, token: int, vocabulary: int) -> None:
    if not 0 <= token < vocabulary:
        raise InvalidRequest(f"parameter '{name}' must hold tokens from 0 to {vocabulary - 1}, got {_short(token)}")


def _token_id(key: object) -> object:
    """Keys of JSON objects are texts."""
    return int(key) if isinstance(key, str) and key.isascii() and key.isdecimal() and len(key) < 20 else key


def _short(value: float) -> str:
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "a huge number"
    return f"{value:.10g}"


def _told(error: msgspec.ValidationError) -> str:
    """msgspec's sentence, which names no value: "Expected `int`, got `str` - at `$.top_k`"."""
    what, _, where = str(error).partition(" - at ")
    name = _PATH.search(where)
    return f"parameter '{name[1] if name else ''}': {what[:1].lower()}{what[1:].replace('`', '')}"
