"""Small decoders with a paged cache of their own, so that a wrong block, position or copy changes what comes out."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import numpy as np

from jackfield import Array
from jackfield_plugins.generation.decoder import Decoder, TokenRows


class Watched(Decoder):
    """Counts runs and rows, and raises if a step is not as the interface says."""

    def __init__(self, vocabulary: int, context: int, blocks: int, block_size: int) -> None:
        self.vocabulary = vocabulary
        self.context = context
        self.blocks = blocks
        self.block_size = block_size
        self.runs = 0
        self.rows = 0
        self.copies = 0
        self.closed = 0
        self.broken: set[int] = set()
        """Tokens that no run survives."""
        self.held: tuple[int, threading.Event] | None = None
        """After how many runs to wait, and for what."""

    def run(self, rows: TokenRows) -> Array:
        self.runs += 1
        self.rows += len(rows.tokens)
        self._check(rows)
        if self.held is not None and self.runs > self.held[0]:
            assert self.held[1].wait(60)
        if self.broken.intersection(rows.tokens.tolist()):
            raise RuntimeError("the decoder broke")
        return self.compute(rows)

    def compute(self, rows: TokenRows) -> Array:
        """float32 [wanted, vocabulary]."""
        raise NotImplementedError

    def describe(self) -> Mapping[str, str]:
        return {"storage": "fp32", "arithmetic": "float"}

    def close(self) -> None:
        self.closed += 1

    def _check(self, rows: TokenRows) -> None:
        arrays = (rows.tokens, rows.positions, rows.lines, rows.wanted, rows.tables)
        assert all(array.dtype == np.int32 and array.flags.c_contiguous for array in arrays)
        assert len(rows.tokens) == len(rows.positions) == len(rows.lines) > 0
        assert (np.diff(rows.wanted) > 0).all()
        last: dict[int, int] = {}
        before = -1
        writes: set[tuple[int, int]] = set()
        for position, line in zip(rows.positions.tolist(), rows.lines.tolist(), strict=True):
            assert (line == before and position == last[line] + 1) or line not in last, "rows of a sequence are apart"
            last[line], before = position, line
            place = (int(rows.tables[line, position // self.block_size]), position % self.block_size)
            assert place not in writes, "two rows write to one place"
            writes.add(place)


class NumpyDecoder(Watched):
    """A decoder with attention over random weights: rotary positions, grouped queries, RMS norms. Each row is computed
    by itself, always in one order, so its logits do not depend on what else is in a step."""

    def __init__(
        self,
        blocks: int = 64,
        block_size: int = 4,
        *,
        vocabulary: int = 61,
        context: int = 128,
        layers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__(vocabulary, context, blocks, block_size)
        draw = np.random.default_rng(seed)
        self.hidden, self.heads, self.shared, self.size = 16, 4, 2, 8

        def matrix(rows: int, columns: int) -> Array:
            numbers: Array = draw.standard_normal((rows, columns)) * 1.4 / np.sqrt(columns)
            return numbers.astype(np.float32)

        width, narrow = self.heads * self.size, self.shared * self.size
        self.layers = [
            (
                matrix(width, self.hidden),
                matrix(narrow, self.hidden),
                matrix(narrow, self.hidden),
                matrix(self.hidden, width),
                matrix(32, self.hidden),
                matrix(self.hidden, 32),
            )
            for _ in range(layers)
        ]
        self.embedding = matrix(vocabulary, self.hidden) * 3
        self.head = matrix(vocabulary, self.hidden) * 2
        self.keys = np.full((layers, blocks, block_size, self.shared, self.size), np.nan, np.float32)
        self.values = np.full_like(self.keys, np.nan)
        self.frequencies = (100.0 ** -(np.arange(self.size // 2) / (self.size // 2))).astype(np.float32)

    def compute(self, rows: TokenRows) -> Array:
        hidden = [
            self._row(*one)
            for one in zip(rows.tokens.tolist(), rows.positions.tolist(), rows.tables[rows.lines], strict=True)
        ]
        logits = np.empty((len(rows.wanted), self.vocabulary), np.float32)
        for number, row in enumerate(rows.wanted.tolist()):
            logits[number] = self.head @ _norm(hidden[row])
        return logits

    def copy(self, pairs: Sequence[tuple[int, int]]) -> None:
        for source, destination in pairs:
            self.copies += 1
            self.keys[:, destination] = self.keys[:, source]
            self.values[:, destination] = self.values[:, source]

    def _row(self, token: int, position: int, table: Array) -> Array:
        x: Array = self.embedding[token].copy()
        block, within = table[position // self.block_size], position % self.block_size
        count = position + 1
        blocks = table[: -(-count // self.block_size)]
        for number, (query, key, value, output, up, down) in enumerate(self.layers):
            normed = _norm(x)
            self.keys[number, block, within] = self._turned((key @ normed).reshape(self.shared, self.size), position)
            self.values[number, block, within] = (value @ normed).reshape(self.shared, self.size)
            q = self._turned((query @ normed).reshape(self.heads, self.size), position)
            k = self.keys[number, blocks].reshape(-1, self.shared, self.size)[:count]
            v = self.values[number, blocks].reshape(-1, self.shared, self.size)[:count]
            seen = []
            for head in range(self.heads):
                group = head * self.shared // self.heads
                scores = k[:, group] @ q[head] / np.float32(np.sqrt(self.size))
                weights = np.exp(scores - scores.max())
                seen.append(weights @ v[:, group] / weights.sum())
            x = x + output @ np.concatenate(seen)
            x = x + down @ np.maximum(up @ _norm(x), 0)
        return x

    def _turned(self, heads: Array, position: int) -> Array:
        angle = self.frequencies * np.float32(position)
        cos, sin = np.cos(angle), np.sin(angle)
        first, second = heads[:, : self.size // 2], heads[:, self.size // 2 :]
        return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=1)


class HashDecoder(Watched):
    """As quick as can be: its cache holds tokens, and a row's logits are random numbers that come of a sum over all of
    them up to it, each weighed by where it is; so a single wrong one changes all."""

    _PRIME = 2_147_483_647

    def __init__(self, blocks: int, block_size: int = 16, *, vocabulary: int = 97, context: int = 4096) -> None:
        super().__init__(vocabulary, context, blocks, block_size)
        self.stored = np.full((blocks, block_size), -1, np.int64)
        self.weights = np.random.default_rng(1).integers(1, 2**20, context)
        self.logits = np.random.default_rng(2).standard_normal((509, vocabulary)).astype(np.float32)

    def compute(self, rows: TokenRows) -> Array:
        size = self.block_size
        places = rows.tables[rows.lines, rows.positions // size]
        self.stored[places, rows.positions % size] = rows.tokens
        logits = np.empty((len(rows.wanted), self.vocabulary), np.float32)
        for number, row in enumerate(rows.wanted.tolist()):
            count = int(rows.positions[row]) + 1
            tokens = self.stored[rows.tables[rows.lines[row], : -(-count // size)]].reshape(-1)[:count]
            assert (tokens >= 0).all(), "a place was read that nobody wrote to"
            logits[number] = self.logits[int(((tokens + 1) * self.weights[:count]).sum() % self._PRIME) % 509]
        return logits

    def copy(self, pairs: Sequence[tuple[int, int]]) -> None:
        for source, destination in pairs:
            self.copies += 1
            self.stored[destination] = self.stored[source]


def _norm(x: Array) -> Array:
    normed: Array = x / np.sqrt((x * x).mean() + np.float32(1e-5))
    return normed
