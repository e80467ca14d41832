"""The tokens of a request's texts, out of either of its inputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jackfield import Array
from jackfield.errors import InvalidRequest
from jackfield_plugins.encoding.text_encoder import FILL, TextEncoder

TEXT, TOKENS = "text", "tokens"
"""The inputs, of which a request has exactly one: BYTES [texts] and INT32 [texts, longest]."""


def texts_of(inputs: Mapping[str, Array], model: TextEncoder, vocabulary: int) -> list[Array]:
    """The tokens of each text: integers [tokens], none empty, each below `vocabulary`.

    Raises InvalidRequest naming the text's number and what is wrong with it.
    """
    if len(inputs) != 1:
        given = "both" if inputs else "neither"
        raise InvalidRequest(f"a request has either the input '{TEXT}' or the input '{TOKENS}', and this has {given}")
    if TEXT in inputs:
        texts = [_decoded(number, raw) for number, raw in enumerate(inputs[TEXT].tolist())]
        return [np.array(tokens, np.int64) for tokens in model.tokens(texts)]
    return [_checked(number, row, model.limit, vocabulary) for number, row in enumerate(inputs[TOKENS])]


def _decoded(number: int, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"input '{TEXT}': text {number} is not UTF-8 ({error.reason} at byte {error.start})"
        ) from None


def _checked(number: int, row: Array, limit: int, vocabulary: int) -> Array:
    own = np.flatnonzero(row != FILL)
    length = int(own[-1]) + 1 if len(own) else 0
    if not 1 <= length <= limit:
        raise InvalidRequest(f"input '{TOKENS}': text {number} has {length} tokens, and must have 1 to {limit}")
    tokens = row[:length]
    wrong = np.flatnonzero((tokens < 0) | (tokens >= vocabulary))
    if len(wrong):
        raise InvalidRequest(
            f"input '{TOKENS}': text {number} has the token {tokens[wrong[0]]}, and those of the model are 0 to "
            f"{vocabulary - 1}; {FILL} fills a row up at its end"
        )
    return tokens
