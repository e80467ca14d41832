"""What a step is made of, kept up from step to step: the rows of all that decodes stay where they are."""

from __future__ import annotations

from collections.abc import Sequence as Many
from typing import Generic, Protocol, TypeVar

import numpy as np

from jackfield import Array
from jackfield_plugins.generation.decoder import TokenRows


class Decoded(Protocol):
    """What this knows of a sequence: the newest of its `length` tokens (int32), its line, and its place here."""

    tokens: Array
    length: int
    computed: int
    line: int
    slot: int


D = TypeVar("D", bound=Decoded)


class Rows(Generic[D]):
    """`order`: the sequences that decode, each at the place of its `slot`; the first rows of the buffers are theirs,
    with their newest token and its position. What is prefilled is written behind them, for one step. `tables`: int32
    [lines, blocks], as `KeyValueCache` keeps it."""

    def __init__(self, tables: Array, room: int) -> None:
        self.order: list[D] = []
        self._tables = tables
        self._tokens = np.zeros(room, np.int32)
        self._positions = np.zeros(room, np.int32)
        self._lines = np.zeros(room, np.int32)
        self._count = np.arange(room, dtype=np.int32)

    def enter(self, sequence: D) -> None:
        """It decodes from now on."""
        slot = sequence.slot = len(self.order)
        self.order.append(sequence)
        self._reach(slot + 1)
        self._lines[slot] = sequence.line
        self.renew(sequence)

    def renew(self, sequence: D) -> None:
        """Its newest token is another."""
        slot, last = sequence.slot, sequence.length - 1
        self._tokens[slot] = sequence.tokens[last]
        self._positions[slot] = last

    def leave(self, sequence: D) -> None:
        """It decodes no longer, if it did; the last takes its place."""
        slot = sequence.slot
        if slot < 0:
            return
        sequence.slot = -1
        last = self.order.pop()
        if last is not sequence:
            end = len(self.order)
            self.order[slot] = last
            last.slot = slot
            for array in (self._tokens, self._positions, self._lines):
                array[slot] = array[end]

    def advance(self, tokens: Array) -> None:
        """All that decode have got their next tokens, in order."""
        count = len(self.order)
        self._tokens[:count] = tokens
        self._positions[:count] += 1

    def arrange(self, decoding: Many[D], prefill: Many[tuple[D, int]], wanted: Many[int]) -> TokenRows:
        """The rows of a step: one of each of `decoding`, in this order, which is `order` or a part of it; then so many
        pending ones of each of `prefill`. `wanted` are the rows of these that logits are asked for, besides all of the
        former. Valid until the next change."""
        first = len(decoding)
        total = first + sum(part for _, part in prefill)
        self._reach(max(total, len(self.order) + total - first))
        tokens, positions, lines = self._tokens, self._positions, self._lines
        if first != len(self.order):
            slots = np.array([sequence.slot for sequence in decoding], np.int64)
            kept = (tokens, positions, lines)
            tokens, positions, lines = (np.zeros(total, np.int32) for _ in range(3))
            for array, of in zip((tokens, positions, lines), kept, strict=True):
                array[:first] = of[slots]
        start = first
        for sequence, part in prefill:
            stop, done = start + part, sequence.computed
            tokens[start:stop] = sequence.tokens[done : done + part]
            positions[start:stop] = self._count[:part]
            positions[start:stop] += done
            lines[start:stop] = sequence.line
            start = stop
        asked = self._count[:first]
        if wanted:
            asked = np.concatenate([asked, np.array(wanted, np.int32)])
        return TokenRows(tokens[:total], positions[:total], lines[:total], self._tables, asked)

    def _reach(self, rows: int) -> None:
        if rows > len(self._tokens):
            room = max(rows, 2 * len(self._tokens))
            for name in ("_tokens", "_positions", "_lines"):
                grown = np.zeros(room, np.int32)
                old = getattr(self, name)
                grown[: len(old)] = old
                setattr(self, name, grown)
            self._count = np.arange(room, dtype=np.int32)
