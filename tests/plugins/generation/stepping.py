"""Steps of a decoder: sequences with blocks of their own, run in whatever pieces and company a test wants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jackfield import Array
from jackfield_plugins.generation.decoder import Decoder, TokenRows


class Stepping:
    """`lines` sequences over all blocks of `decoder`, in an order that is not theirs."""

    def __init__(self, decoder: Decoder, lines: int) -> None:
        self._decoder = decoder
        each = decoder.blocks // lines
        order = np.random.default_rng(0).permutation(decoder.blocks)[: lines * each]
        self.tables = np.ascontiguousarray(order.reshape(lines, each).astype(np.int32))

    def step(self, parts: Sequence[tuple[int, int, Sequence[int]]]) -> list[Array]:
        """Run (line, first position, tokens) for each of `parts`; of each the logits, float32 [tokens, vocabulary]."""
        tokens = np.concatenate([np.asarray(part, np.int32) for _, _, part in parts])
        positions = np.concatenate([np.arange(first, first + len(part), dtype=np.int32) for _, first, part in parts])
        lines = np.concatenate([np.full(len(part), line, np.int32) for line, _, part in parts])
        wanted = np.arange(len(tokens), dtype=np.int32)
        logits = self._decoder.run(TokenRows(tokens, positions, lines, self.tables, wanted)).copy()
        return np.split(logits, np.cumsum([len(part) for _, _, part in parts])[:-1])

    def whole(self, line: int, tokens: Sequence[int]) -> Array:
        """All of `tokens` in one step, alone."""
        return self.step([(line, 0, tokens)])[0]

    def cut(self, line: int, tokens: Sequence[int], sizes: Sequence[int]) -> Array:
        """`tokens` in pieces of `sizes`, which go round."""
        found, at, turn = [], 0, 0
        while at < len(tokens):
            part = tokens[at : at + sizes[turn % len(sizes)]]
            found += self.step([(line, at, part)])
            at, turn = at + len(part), turn + 1
        return np.concatenate(found)
