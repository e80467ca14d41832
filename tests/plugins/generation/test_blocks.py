"""The pool of blocks: whatever is done to it, each block is in one place."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jackfield_plugins.generation.blocks import BlockPool, blocks_for
from jackfield_plugins.generation.prefix import Chain, salt_of


class PoolMachine(RuleBasedStateMachine):
    """A model beside the pool: who holds what, and what was written where."""

    @initialize(count=st.integers(1, 9))
    def start(self, count: int) -> None:
        self.pool = BlockPool(count, 4)
        self.holders: list[list[int]] = []
        self.content: dict[int, bytes] = {}
        self.serial = 0

    @rule(count=st.integers(0, 10))
    def take(self, count: int) -> None:
        free = self.pool.free
        taken = self.pool.take(count)
        assert (taken is None) == (count > free)
        if taken:
            assert not {block for held in self.holders for block in held} & set(taken)
            self.holders.append(taken)
            for block in taken:
                self.content.pop(block, None)

    @precondition(lambda self: self.holders)
    @rule(index=st.integers(0, 99))
    def drop(self, index: int) -> None:
        held = self.holders.pop(index % len(self.holders))
        others = {block for other in self.holders for block in other}
        assert self.pool.drop(held) == len(set(held) - others)

    @precondition(lambda self: self.holders)
    @rule(index=st.integers(0, 99), known=st.integers(0, 5))
    def publish(self, index: int, known: int) -> None:
        held = self.holders[index % len(self.holders)]
        block = held[index % len(held)]
        key = bytes([known])
        if block not in self.content and key not in self.content.values():
            self.content[block] = key
        self.pool.publish(block, key)

    @rule(known=st.lists(st.integers(0, 5), max_size=3))
    def find_and_hold(self, known: list[int]) -> None:
        found = self.pool.find([bytes([one]) for one in known])
        for block, one in zip(found, known, strict=False):
            assert self.content[block] == bytes([one]), "a block was found that holds something else"
        if len(found) < len(known):
            assert bytes([known[len(found)]]) not in self.content.values()
        for block in found:
            self.pool.hold(block)
        if found:
            self.holders.append(found)

    @rule()
    def forget(self) -> None:
        self.pool.forget()
        self.content.clear()

    @invariant()
    def check(self) -> None:
        if not hasattr(self, "pool"):
            return
        counts = Counter(block for held in self.holders for block in held)
        assert self.pool.free == self.pool.count - len(counts)
        assert self.pool.cached == sum(block not in counts for block in self.content)
        for block in range(self.pool.count):
            assert self.pool.held(block) == (counts[block] > 0)
            assert self.pool.shared(block) == (counts[block] > 1)


TestPool = PoolMachine.TestCase


def test_the_least_recently_used_is_forgotten_first_and_ends_before_beginnings() -> None:
    pool = BlockPool(4, 4)
    first, second = pool.take(2), pool.take(2)
    assert first is not None
    assert second is not None
    for block in (*first, *second):
        pool.publish(block, bytes([block]))
    pool.drop(second)
    pool.drop(first)
    pool.take(1)
    assert [len(pool.find([bytes([block])])) for block in (*first, *second)] == [1, 1, 1, 0]
    pool.take(2)
    assert [len(pool.find([bytes([block])])) for block in (*first, *second)] == [1, 0, 0, 0]
    assert pool.evictions == 3


def test_chains_tell_tenants_and_beginnings_apart() -> None:
    tokens = np.arange(12, dtype=np.int32)

    def keys(salt: bytes, tokens: object) -> list[bytes]:
        chain = Chain(salt, 4)
        chain.extend(np.asarray(tokens, np.int32), 3)
        return chain.keys

    mine = keys(salt_of("a"), tokens)
    assert mine == keys(salt_of("a"), tokens)
    assert not set(mine) & set(keys(salt_of("b"), tokens))
    assert not set(mine) & set(keys(salt_of("a", "own"), tokens))
    assert salt_of("a", "b") != salt_of("ab")
    other = tokens.copy()
    other[0] = 99
    assert not set(mine) & set(keys(salt_of("a"), other))
    other = tokens.copy()
    other[5] = 99
    assert [a == b for a, b in zip(mine, keys(salt_of("a"), other), strict=True)] == [True, False, False]


def test_a_chain_that_is_forked_goes_on_from_there() -> None:
    tokens = np.arange(12, dtype=np.int32)
    chain, whole = Chain(b"s", 4), Chain(b"s", 4)
    whole.extend(tokens, 3)
    chain.extend(tokens, 1)
    fork = chain.fork()
    fork.extend(tokens, 3)
    assert (fork.keys, len(chain.keys)) == (whole.keys, 1)


def test_blocks_are_counted_from_tokens() -> None:
    assert [blocks_for(tokens, 16) for tokens in (0, 1, 16, 17)] == [0, 1, 1, 2]
