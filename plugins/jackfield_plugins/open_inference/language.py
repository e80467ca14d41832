"""What this endpoint reads of models that generate text: no more than this, and whoever brings such a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from jackfield import Signature
from jackfield_plugins.open_inference.schema import Scalar

TOKENS = "tokens"
"""The input that takes a prompt."""


class Tokenizer(Protocol):
    """Makes tokens of a text. Thread-safe."""

    def encode(self, text: str) -> Sequence[int]:
        """The tokens of a prompt; raises InvalidRequest for a text that is none."""
        ...


@runtime_checkable
class Language(Protocol):
    """`Version.about` of a model that generates. `ends`: the tokens with which it ends an answer."""

    tokenizer: Tokenizer
    context: int
    ends: Sequence[int]


class Piece(Protocol):
    """A part of one answer: `parameters["pieces"]` of a response has a list of them. `finish`: why the answer ended,
    empty if it goes on."""

    index: int
    text: str
    finish: str


class Usage(Protocol):
    """What an answer took, in tokens: `parameters["usage"]` of the final response."""

    prompt: int
    completion: int
    cached: int


def language_of(about: Any, signature: Signature) -> Language | None:
    """`about` if it is that of a model that generates."""
    return about if TOKENS in signature.by_name and isinstance(about, Language) else None


def plain(parameters: Mapping[str, Any]) -> dict[str, Scalar]:
    """Those of a response's parameters that the protocol has a form for, and how its generation ended: of several
    answers the first, as the outputs are."""
    told: dict[str, Scalar] = {
        name: value for name, value in parameters.items() if isinstance(value, (str, int, float, bool))
    }
    pieces: Sequence[Piece] = parameters.get("pieces") or ()
    if pieces and pieces[0].finish:
        told["finish_reason"] = pieces[0].finish
    usage: Usage | None = parameters.get("usage")
    if usage is not None:
        told |= {"prompt_tokens": usage.prompt, "completion_tokens": usage.completion, "cached_tokens": usage.cached}
    return told
