"""The demo's clients: sentences to token ids, over tritonclient to embeddings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.float32]
Tokens = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Load:
    """How a load went: requests a second, and latencies in milliseconds."""

    clients: int
    requests: int
    per_second: float
    p50: float
    p99: float


class Tokenizer:
    """The model's own tokenizer. Sentences are padded to a few lengths only, so that they can share a batch."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer as Library

        self._library: Any = Library.from_file(str(folder / "tokenizer.json"))
        self._library.no_padding()
        self._library.enable_truncation(128)

    def __call__(self, sentence: str) -> Tokens:
        """Token ids and attention mask, INT64 [1, tokens]."""
        ids = self._library.encode(sentence).ids
        length = -(-len(ids) // 16) * 16
        padded = np.zeros((1, length), np.int64)
        mask = np.zeros((1, length), np.int64)
        padded[0, : len(ids)] = ids
        mask[0, : len(ids)] = 1
        return padded, mask


def embed(url: str, sentences: Sequence[Tokens]) -> tuple[Embeddings, list[float]]:
    """Embeddings [sentences, 384] and each request's milliseconds, one request after another."""
    from tritonclient.http import InferenceServerClient

    rows: list[NDArray[np.float32]] = []
    took: list[float] = []
    client = InferenceServerClient(url)
    try:
        for tokens in sentences:
            start = time.perf_counter()
            result = client.infer("minilm", _inputs(tokens))
            took.append((time.perf_counter() - start) * 1e3)
            rows.append(result.as_numpy("embedding")[0])
    finally:
        client.close()
    return np.stack(rows), took


def load(url: str, sentences: Sequence[Tokens], clients: int, requests: int) -> Load:
    """Send `requests` requests from `clients` clients at once, each waiting for its answer before it asks again."""
    return asyncio.run(_load(url, sentences, clients, requests))


async def _load(url: str, sentences: Sequence[Tokens], clients: int, requests: int) -> Load:
    from tritonclient.http.aio import InferenceServerClient

    left = iter(range(requests))
    took: list[float] = []
    async with InferenceServerClient(url, conn_limit=clients) as client:

        async def ask() -> None:
            for number in left:
                start = time.perf_counter()
                await client.infer("minilm", _inputs(sentences[number % len(sentences)], aio=True))
                took.append((time.perf_counter() - start) * 1e3)

        began = time.perf_counter()
        await asyncio.gather(*(ask() for _ in range(clients)))
        whole = time.perf_counter() - began
    return Load(clients, requests, requests / whole, *(float(np.percentile(took, q)) for q in (50, 99)))


def statistics(url: str) -> dict[int, int]:
    """How many steps of each number of rows the server has run so far."""
    from tritonclient.http import InferenceServerClient

    client = InferenceServerClient(url)
    try:
        stats = client.get_inference_statistics("minilm")
    finally:
        client.close()
    return {batch["batch_size"]: batch["compute_infer"]["count"] for batch in stats["model_stats"][0]["batch_stats"]}


def _inputs(tokens: Tokens, aio: bool = False) -> list[Any]:
    if aio:
        from tritonclient.http.aio import InferInput
    else:
        from tritonclient.http import InferInput

    inputs = []
    for name, array in zip(("input_ids", "attention_mask"), tokens, strict=True):
        one = InferInput(name, list(array.shape), "INT64")
        one.set_data_from_numpy(array)
        inputs.append(one)
    return inputs
