"""Log-probabilities in the two forms that the protocol has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jackfield import Response
from jackfield_plugins.generation.answer import Piece
from jackfield_plugins.generation.sampling.logprobs import Likelihood
from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from jackfield_plugins.openai.spelling import TokenTexts

_LEAST = -9999.0
"""What stands for a token that cannot be: JSON knows no infinity."""
LARGE = 2000
"""Log-probabilities that are told on the event loop."""


def told_in(responses: Iterable[Response]) -> int:
    """How many log-probabilities `responses` tell, likeliest tokens included."""
    found = 0
    for response in responses:
        for piece in response.parameters["pieces"]:
            if piece.likelihoods:
                found += len(piece.likelihoods) * (1 + len(piece.likelihoods[0].top))
        prompt = response.parameters.get("prompt_likelihoods")
        if prompt:
            found += len(prompt) * (1 + len(prompt[-1].top if prompt[-1] is not None else ()))
    return found


def of_chat(piece: Piece, texts: TokenTexts) -> dict[str, Any] | None:
    """What `piece` tells of its tokens, as chat has it; without the token that ended the answer, which is not in the
    text."""
    if piece.likelihoods is None:
        return None
    likelihoods = piece.likelihoods
    if piece.finish == "stop" and not isinstance(piece.stop, str):
        likelihoods = likelihoods[:-1]
    content = []
    for one in likelihoods:
        entry = _entry(texts, one.token, one.logprob)
        entry["top_logprobs"] = [_entry(texts, token, logprob) for token, logprob in one.top]
        content.append(entry)
    return {"content": content, "refusal": None}


class Legacy:
    """Those of one choice of a completion, piece by piece. `text_offset` counts characters of the choice's text."""

    def __init__(self, tokenizer: TextTokenizer, texts: TokenTexts) -> None:
        self._texts = texts
        self._tokenizer = tokenizer
        self._detokenizer = tokenizer.detokenizer()
        self._offset = 0

    def of_prompt(self, tokens: Sequence[int], likelihoods: Sequence[Likelihood | None], text: str) -> dict[str, Any]:
        """Of the prompt, which stands before the answer as `text`. The first token has none."""
        detokenizer = self._tokenizer.detokenizer(special=True)
        offsets, offset = [], 0
        for token in tokens:
            offsets.append(offset)
            offset += len(detokenizer.add(token))
        beside = max(offset + len(detokenizer.finish()) - len(text), 0)  # such as a token that begins every text
        self._offset = len(text)
        offsets = [min(max(place - beside, 0), len(text)) for place in offsets]
        return self._told(list(tokens), list(likelihoods), offsets)

    def skip(self, text: str) -> None:
        """`text` stands before the answer."""
        self._offset = len(text)

    def of(self, piece: Piece) -> dict[str, Any] | None:
        """Of `piece`, the next one; all its tokens are told of, also the one that ended it: evaluation harnesses count
        on one entry for each."""
        if piece.likelihoods is None:
            return None
        offsets = []
        for token in piece.tokens:
            offsets.append(self._offset)
            self._offset += len(self._detokenizer.add(token))
        return self._told(piece.tokens, piece.likelihoods, offsets)

    def _told(
        self, tokens: Sequence[int], likelihoods: Sequence[Likelihood | None], offsets: Sequence[int]
    ) -> dict[str, Any]:
        return {
            "tokens": [self._texts.key(token) for token in tokens],
            "token_logprobs": [None if one is None else _finite(one.logprob) for one in likelihoods],
            "top_logprobs": [None if one is None else self._top(one) for one in likelihoods],
            "text_offset": list(offsets),
        }

    def _top(self, one: Likelihood) -> dict[str, float]:
        """The likeliest and, whether it is among them or not, the token itself."""
        found: dict[str, float] = {}
        for token, logprob in one.top:  # the likelier of two that look alike
            found.setdefault(self._texts.key(token), _finite(logprob))
        found.setdefault(self._texts.key(one.token), _finite(one.logprob))
        return found


def _entry(texts: TokenTexts, token: int, logprob: float) -> dict[str, Any]:
    text, piece = texts.of(token)
    return {"token": text, "logprob": _finite(logprob), "bytes": piece}


def _finite(logprob: float) -> float:
    return max(logprob, _LEAST)
