"""The KV cache as sequences see it: each has its blocks in order, and a line in the table that a step reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from jackfield import Array
from jackfield_plugins.generation.blocks import BlockPool, blocks_for
from jackfield_plugins.generation.prefix import Chain

_NOT_THERE = 0  # what a table holds where no block is: never read, but within the pool all the same


class Cached(Protocol):
    """What the cache keeps of a sequence. `tokens`: int32, of which the first `computed` have keys and values here."""

    tokens: Array
    length: int
    computed: int
    table: list[int]
    line: int
    chain: Chain


class KeyValueCache:
    """`pool` and `tables`, int32 [lines, blocks of the longest sequence]. `known`: whether prefixes are found again.

    A sequence without a line holds nothing. Used by one thread at a time.
    """

    def __init__(self, pool: BlockPool, lines: int, longest: int, known: bool = True) -> None:
        self.pool = pool
        self.known = known
        self.tables = np.full((lines, blocks_for(longest, pool.size)), _NOT_THERE, np.int32)
        self._lines = list(range(lines - 1, -1, -1))

    @property
    def lines(self) -> int:
        """How many more sequences can have a line."""
        return len(self._lines)

    def prefix(self, sequence: Cached) -> list[int]:
        """The blocks that are known of a sequence which has none; all but the block of its last token, at most."""
        if not self.known:
            return []
        count = (sequence.length - 1) // self.pool.size
        sequence.chain.extend(sequence.tokens, count)
        return self.pool.find(sequence.chain.keys[:count])

    def need(self, sequence: Cached, end: int, prefix: Iterable[int] = ()) -> int:
        """Free blocks that it takes until its first `end` tokens have a place; `prefix` is to be its beginning.

        A block that others write to as well counts as one to be copied."""
        pool = self.pool
        if not sequence.table:
            found = list(prefix)
            return blocks_for(end, pool.size) - len(found) + sum(not pool.held(block) for block in found)
        more = blocks_for(end, pool.size) - len(sequence.table)
        return max(more, 0) + (end > sequence.computed and self.shared(sequence))

    def begin(self, sequence: Cached, prefix: list[int], looked: bool = True) -> None:
        """Give it a line, and the blocks that are known of it. There must be a line. `looked`: whether they were looked
        for, which counts."""
        pool = self.pool
        for block in prefix:
            pool.hold(block)
        if self.known and looked:
            pool.count_lookup((sequence.length - 1) // pool.size, len(prefix))
        sequence.line = self._lines.pop()
        sequence.table = list(prefix)
        sequence.computed = len(prefix) * pool.size
        self.tables[sequence.line, : len(prefix)] = prefix

    def grow(self, sequence: Cached, end: int) -> tuple[int, int] | None:
        """Have a place for its first `end` tokens, which is its own to write to; there must be blocks enough.

        Returns source and destination if the content of a block must be copied before that."""
        pool, table, line = self.pool, sequence.table, sequence.line
        copy = None
        if end > sequence.computed and self.shared(sequence):
            number = sequence.computed // pool.size
            old = table[number]
            (new,) = self._take(1)
            pool.drop((old,))
            table[number] = self.tables[line, number] = new
            copy = (old, new)
        have = len(table)
        more = blocks_for(end, pool.size) - have
        if more > 0:
            table += self._take(more)
            self.tables[line, have : have + more] = table[have:]
        return copy

    def computed(self, sequence: Cached, end: int) -> None:
        """The keys and values of its first `end` tokens are there."""
        size = self.pool.size
        before, sequence.computed = sequence.computed, end
        full = end // size
        if self.known and full > before // size:
            sequence.chain.extend(sequence.tokens, full)
            for number in range(before // size, full):
                self.pool.publish(sequence.table[number], sequence.chain.keys[number])

    def take_lines(self, count: int) -> list[int]:
        """Lines that nobody else gets; there must be so many."""
        return [self._lines.pop() for _ in range(count)]

    def give_lines(self, lines: Iterable[int]) -> None:
        """Anybody may have them again."""
        self._lines.extend(lines)

    def share(self, source: Cached, other: Cached, line: int) -> None:
        """Let `other`, whose tokens are those of `source`, begin with all the blocks of that, on a line of its own."""
        for block in source.table:
            self.pool.hold(block)
        other.line = line
        other.table = source.table.copy()
        other.computed = source.computed
        other.chain = source.chain.fork()
        self.tables[other.line, : len(other.table)] = other.table

    def leave(self, sequence: Cached) -> int:
        """Take everything from it; how many blocks became free."""
        if sequence.line < 0:
            return 0
        freed = self.pool.drop(sequence.table)
        self._lines.append(sequence.line)
        sequence.table, sequence.line, sequence.computed = [], -1, 0
        return freed

    def waste(self, sequences: Iterable[Cached]) -> tuple[int, int]:
        """Of the places for tokens in the blocks that `sequences` hold: how many there are, how many hold no token."""
        size = self.pool.size
        filled: dict[int, int] = {}
        for sequence in sequences:
            for number, block in enumerate(sequence.table):
                used = min(max(sequence.computed - number * size, 0), size)
                filled[block] = max(filled.get(block, 0), used)
        places = len(filled) * size
        return places, places - sum(filled.values())

    def shared(self, sequence: Cached) -> bool:
        """Whether the block of its next token holds tokens already and is not its own alone."""
        number, within = divmod(sequence.computed, self.pool.size)
        return within > 0 and self.pool.shared(sequence.table[number])

    def _take(self, count: int) -> list[int]:
        taken = self.pool.take(count)
        if taken is None:
            raise RuntimeError(f"{count} blocks were to be taken, and {self.pool.free} are free")
        return taken
