"""What clients are told of a generation: pieces of text and tokens, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from jackfield_plugins.generation.parameters import Parameters
from jackfield_plugins.generation.sampling.logprobs import Likelihood
from jackfield_plugins.generation.sampling.stops import Stops


class Detokenizer(Protocol):
    """Text out of the tokens of one sequence as they come, never with half a character."""

    def add(self, token: int) -> str:
        """The text that has become whole with `token`."""
        ...

    def finish(self) -> str:
        """What was held back."""
        ...


MakeDetokenizer = Callable[[], Detokenizer]


class Piece(msgspec.Struct):
    """A part of one choice's answer: `response.parameters["pieces"]` is a list of these.

    `finish`: empty as long as it goes on; `stop` if a text, a token or the model's own end stopped it, which `stop`
    tells (None: the model's own); `length` if it could not be longer. The token that ended it is in `tokens`, not in
    `text`.
    """

    index: int
    text: str
    tokens: list[int]
    likelihoods: list[Likelihood] | None = None
    finish: str = ""
    stop: str | int | None = None


class Usage(msgspec.Struct, frozen=True):
    """What a generation took, in tokens: `response.parameters["usage"]` of a final response. `cached`: tokens of the
    prompt that the KV cache knew when it began."""

    prompt: int
    completion: int
    cached: int


class Answer:
    """One sequence's answer: tokens go in, pieces come out. Text is only made when somebody needs it."""

    __slots__ = (
        "_add",
        "_detokenizer",
        "_endings",
        "_index",
        "_likely",
        "_model_ends",
        "_stops",
        "_text",
        "_tokens",
        "finish",
        "said",
        "stop",
    )

    def __init__(self, index: int, p: Parameters, model_ends: frozenset[int], make: MakeDetokenizer | None) -> None:
        self.finish = ""
        self.stop: str | int | None = None
        self.said = 0
        self._index = index
        self._model_ends = frozenset() if p.ignore_eos else model_ends
        self._endings = self._model_ends | frozenset(p.stop_token_ids)
        self._detokenizer = make() if make is not None else None
        self._add = self._detokenizer.add if self._detokenizer is not None else _nothing
        self._stops = Stops(p.stop, p.include_stop) if p.stop else None
        self._text: list[str] = []
        self._tokens: list[int] = []
        self._likely: list[Likelihood] | None = [] if p.logprobs is not None else None

    def recall(self, token: int) -> None:
        """`token` was said and told elsewhere."""
        text = self._add(token)
        if self._stops is not None:
            self._stops.add(text)
        self.said += 1

    def add(self, token: int, likely: Likelihood | None, most: int) -> bool:
        """`token` comes next; whether the answer is over, which has at most `most` tokens."""
        self.said += 1
        self._tokens.append(token)
        if self._likely is not None and likely is not None:
            self._likely.append(likely)
        if token in self._endings:
            self.finish = "stop"
            self.stop = None if token in self._model_ends else token
            self._end()
            return True
        text = self._add(token)
        if self._stops is not None:
            text = self._stops.add(text)
            if self._stops.found is not None:
                self.finish, self.stop = "stop", self._stops.found
        if text:
            self._text.append(text)
        if self.finish:
            return True
        if self.said >= most:
            self.cut()
            return True
        return False

    def cut(self) -> None:
        """It cannot be longer."""
        self.finish = "length"
        self._end()

    def take(self) -> Piece | None:
        """What has come since the last piece; None if there is nothing to tell yet."""
        if not self._text and not self.finish and not (self._detokenizer is None and self._tokens):
            return None
        piece = Piece(self._index, "".join(self._text), self._tokens, self._likely, self.finish, self.stop)
        self._text, self._tokens = [], []
        if self._likely is not None:
            self._likely = []
        return piece

    def _end(self) -> None:
        if self._detokenizer is None:
            return
        text = self._detokenizer.finish()
        if self._stops is not None:
            text = self._stops.add(text)
            if self._stops.found is not None:
                self.finish, self.stop = "stop", self._stops.found
            else:
                text += self._stops.finish()
        if text:
            self._text.append(text)


def _nothing(token: int) -> str:
    return ""


__all__ = ["Answer", "Detokenizer", "MakeDetokenizer", "Piece", "Usage"]
