"""Which route a path is."""

from __future__ import annotations

from enum import StrEnum, auto
from typing import NamedTuple

_MODELS = "/v1/models/"
_LONGEST = 1024


class Kind(StrEnum):
    """The routes of the protocol that are spoken here."""

    MODELS = auto()
    MODEL = auto()
    CHAT = auto()
    COMPLETIONS = auto()
    EMBEDDINGS = auto()
    TOKENIZE = auto()
    DETOKENIZE = auto()


class Target(NamedTuple):
    """A route, and the model that it is about if the path says so."""

    kind: Kind
    model: str = ""


_FIXED = {
    "/v1/models": Target(Kind.MODELS),
    "/v1/chat/completions": Target(Kind.CHAT),
    "/v1/completions": Target(Kind.COMPLETIONS),
    "/v1/embeddings": Target(Kind.EMBEDDINGS),
    "/tokenize": Target(Kind.TOKENIZE),
    "/detokenize": Target(Kind.DETOKENIZE),
}


def find(path: str) -> Target | None:
    """The target of `path`, None if it is no route. Names of models may hold slashes."""
    target = _FIXED.get(path)
    if target is None and path.startswith(_MODELS) and len(_MODELS) < len(path) <= _LONGEST:
        return Target(Kind.MODEL, path[len(_MODELS) :])
    return target
