"""`POST /v1/embeddings`."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import orjson

from jackfield import Array, Server, Version
from jackfield.errors import InvalidRequest, JackfieldError, TooLarge
from jackfield_plugins.encoding.text_encoder import FILL, TextEncoder
from jackfield_plugins.openai.call import Answer, Call
from jackfield_plugins.openai.fault import CONTEXT, Fault
from jackfield_plugins.openai.generating import whole
from jackfield_plugins.openai.models import Models
from jackfield_plugins.openai.prompts import prompts
from jackfield_plugins.openai.sampling import checked_priority
from jackfield_plugins.openai.threads import TextThreads
from jackfield_plugins.openai.usage import embedded

_LARGE = 16 * 1024  # numbers that are written as JSON on the event loop


class EmbeddingBody(msgspec.Struct, kw_only=True):
    """`POST /v1/embeddings`."""

    model: str
    input: msgspec.Raw
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    user: str | None = None
    priority: int | None = None


_decoder = msgspec.json.Decoder(EmbeddingBody)


class Embeddings:
    """`most`: inputs in one request."""

    def __init__(self, server: Server, models: Models, threads: TextThreads, most: int) -> None:
        self._server = server
        self._models = models
        self._threads = threads
        self._most = most

    async def answer(self, call: Call) -> Answer:
        """The answer. Raises what went wrong."""
        body = await call.decoded(_decoder)
        version, encoder = await self._models.encoder(body.model)
        try:
            priority = checked_priority(body.priority)
            if body.dimensions is not None and body.dimensions != encoder.dimensions:
                raise Fault(
                    f"'dimensions' must be {encoder.dimensions} for model '{version.model}', whose embeddings cannot "
                    f"be cut, got {str(body.dimensions)[:30]}",
                    "dimensions",
                )
            rows = await self._threads.run(version.model, _rows, encoder, body.input, self._most)
        except JackfieldError as error:
            version.refused(error)
            raise
        requests = [
            call.request(version.model, {"tokens": _filled(part)}, {}, priority) for part in _parts(version, rows)
        ]
        responses = await whole(self._server, requests, call)
        found = np.concatenate([response.outputs["embedding"] for response in responses])
        head: dict[str, Any] = {"model": body.model, "usage": embedded(sum(map(len, rows)))}
        encoded = _base64 if body.encoding_format == "base64" else _floats
        if found.size > _LARGE:
            return 200, await self._threads.run(version.model, _answer, head, found, encoded)
        return 200, _answer(head, found, encoded)


def _rows(encoder: TextEncoder, raw: msgspec.Raw, most: int) -> list[list[int]]:
    """On a thread: the tokens of each input."""
    found: list[list[int]] = []
    given: Sequence[str | Array] = prompts(raw, "input", most, encoder.limit)
    for number, one in enumerate(given):
        if isinstance(one, str):
            if not one:
                raise Fault(f"'input' has an empty text, number {number}", "input")
            (tokens,) = _tokens(encoder, number, one)
        else:
            tokens = one.tolist()
            _check(encoder, number, tokens)
        found.append(tokens)
    return found


def _tokens(encoder: TextEncoder, number: int, text: str) -> list[list[int]]:
    try:
        return encoder.tokens([text])
    except InvalidRequest as error:
        code = CONTEXT if isinstance(error, TooLarge) or "at most" in str(error) else None
        raise Fault(f"'input': {str(error).replace('text 0', f'text {number}', 1)}", "input", code) from None


def _check(encoder: TextEncoder, number: int, tokens: list[int]) -> None:
    if len(tokens) > encoder.limit:
        raise Fault(
            f"'input': text {number} has {len(tokens)} tokens, and the model takes at most {encoder.limit}",
            "input",
            CONTEXT,
        )
    vocabulary = encoder.tokenizer.vocabulary
    if max(tokens) >= vocabulary:
        raise Fault(f"'input' must hold tokens from 0 to {vocabulary - 1}, got {max(tokens)}", "input")


def _parts(version: Version, rows: list[list[int]]) -> list[list[list[int]]]:
    """`rows` in as few requests as the model's steps allow."""
    size = max(version.max_rows, 1)
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _filled(rows: list[list[int]]) -> Array:
    found = np.full((len(rows), max(map(len, rows))), FILL, np.int32)
    for number, row in enumerate(rows):
        found[number, : len(row)] = row
    return found


def _answer(head: dict[str, Any], found: Array, encoded: Any) -> bytes:
    data = [{"object": "embedding", "index": index, "embedding": encoded(row)} for index, row in enumerate(found)]
    return orjson.dumps({"object": "list", "data": data, **head}, option=orjson.OPT_SERIALIZE_NUMPY)


def _base64(row: Array) -> str:
    """As clients ask for it by default: float32, little-endian."""
    return base64.b64encode(row.astype("<f4").tobytes()).decode()


def _floats(row: Array) -> Array:
    return np.ascontiguousarray(row, np.float32)
